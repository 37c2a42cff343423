// The driver of the gate: shows it what came and how things stand, reads tokens for it, and gives the answers it decides on. Slots are the
// endpoint's to fill.
import type { Address } from '../core/address.ts'
import type { Counters } from '../core/counters.ts'
import { Gate, type SlotVerdict, type Verdict } from '../core/gate/gate.ts'
import { type GateOptions, gateOptionsOf } from '../core/gate/options.ts'
import type { ShareView } from '../core/gate/shares.ts'
import { Source } from '../core/gate/source.ts'
import { Wasted } from '../core/gate/wasted.ts'
import { retryAfterReason } from '../core/messages/retry-after.ts'
import type { FirstInitial } from '../core/quic/connection.ts'
import { type Header, LOCAL_ID_BYTES, type LongHeader } from '../core/quic/packet.ts'
import { Tokens } from '../core/quic/tokens.ts'
import type { NetworkPorts } from '../io/ports.ts'
import { Lateness } from './lateness.ts'
import type { EndpointLimits } from './options.ts'
import type { Quic } from './quic.ts'
import type { Schedule } from './schedule.ts'

/** What a gatekeeper is made of. */
export interface GatekeeperParts {
  readonly ports: NetworkPorts
  readonly limits: EndpointLimits
  readonly gate: Partial<GateOptions>
  readonly schedule: Schedule
  readonly counters: Counters
  readonly quic: Quic
  /** 32 bytes that stateless resets follow from. */
  readonly resetSecret: Uint8Array
}

/** What is known of the node when a datagram is judged. */
export interface Standing {
  readonly closing: boolean
  readonly connections: number
  readonly shares: ShareView
}

/** A datagram of no known connection. */
export interface Stray {
  readonly bytes: Uint8Array
  readonly from: Address
  readonly header: Header | null
  /** When it came, which can be a while ago. */
  readonly since: number
}

const NO_TOKEN = { kind: 'none' } as const

/** The gate of one node, joined to the world. */
export class Gatekeeper {
  readonly gate: Gate
  readonly #options: GateOptions
  readonly #parts: GatekeeperParts
  readonly #tokens: Tokens
  readonly #lateness: Lateness
  readonly #wasted: Wasted
  /** Wall time when the clock stood at 0. */
  readonly #epoch: number

  constructor(parts: GatekeeperParts) {
    const { ports, limits } = parts
    this.#parts = parts
    this.#options = gateOptionsOf(parts.gate)
    this.gate = new Gate({ ...this.#options, ...limits }, ports.random, parts.counters)
    this.#tokens = new Tokens(ports)
    this.#wasted = new Wasted(ports.random)
    this.#epoch = ports.clock.wall() - ports.clock.now()
    this.#lateness = new Lateness(ports, parts.schedule)
  }

  /** What whoever gives way is told. */
  get retryAfterMs(): number {
    return this.#options.retryAfterMs
  }

  judge({ bytes, from, header, since }: Stray, standing: Standing): Verdict {
    const { clock } = this.#parts.ports
    const token = (): ReturnType<Tokens['read']> => {
      if (header?.form !== 'long' || header.token.length === 0) return NO_TOKEN
      return this.#tokens.read(header.token, { ...from, destinationId: header.destinationId }, this.#tokenTime)
    }
    const look = { bytes: bytes.length, from, header, token }
    const now = clock.now()
    // Who waited shows that the node is late, but not that it is too late to begin with it now.
    const lateMs = Math.max(Math.min(now - since, this.#options.tooLateMs), this.#lateness.now())
    return this.gate.judge(look, { ...standing, lateMs }, now)
  }

  /** Writes the answer a verdict asks for into `into` (1,200 bytes) and returns its length; null when it asks for none. */
  answer(verdict: Verdict, { bytes, from, header }: Stray): ((into: Uint8Array) => number) | null {
    const { ports, quic, resetSecret } = this.#parts
    const { crypto, random } = ports
    if (header?.form === 'unknown-version') {
      const isDue = verdict.kind === 'version-negotiation' && verdict.answered
      return isDue ? (into) => quic.versionNegotiation(header, into, random) : null
    }
    if (header?.form === 'short') {
      if (verdict.kind !== 'reset') return null
      const trigger = { bytes: bytes.length, destinationId: header.destinationId }
      return (into) => quic.statelessReset(trigger, into, { crypto, random, secret: resetSecret })
    }
    if (header?.form !== 'long') return null
    if (verdict.kind === 'retry') return (into) => this.#retry(header, from, into)
    if (verdict.kind === 'invalid-token' && verdict.answered) return (into) => quic.invalidToken(header, into, crypto)
    if (verdict.kind !== 'refuse' || !verdict.answered) return null
    const reason = retryAfterReason(verdict.retryAfterMs)
    return (into) => quic.refusal({ header, reason }, into, crypto)
  }

  /** What an acceptor's connection begins with. A NEW_TOKEN that brought it here is used up. */
  admit(verdict: SlotVerdict, header: LongHeader, from: Address): FirstInitial {
    const { sourceId, destinationId } = header
    const { standing, token } = verdict
    if (standing === 'new-token') this.#tokens.spend(header.token, from.ip)
    // One that came by a Retry expects to see it confirmed, even where it would have been trusted without.
    if (token.kind === 'retry' || token.kind === 'new-token') return { sourceId, destinationId, validation: token }
    return { sourceId, destinationId, validation: standing === 'trusted' ? { kind: 'trusted' } : null }
  }

  /** What was begun for a source whose address was validated came to nothing. On a trusted machine it is nobody's fault. */
  wasted(remote: Address): void {
    if (this.#trusts(remote)) return
    this.#parts.counters.wasted++
    this.#wasted.charge(remote, this.#parts.ports.clock.now())
  }

  /** Whether newcomers from elsewhere go before those from here. */
  isSuspect(remote: Address): boolean {
    return this.#wasted.isSuspect(remote, this.#parts.ports.clock.now())
  }

  /** A token for the next dial of a peer from outside; null for one on a trusted machine, who needs none. */
  tokenFor(remote: Address): Uint8Array | null {
    if (this.#trusts(remote)) return null
    return this.#tokens.mintNew(remote.ip, this.#tokenTime)
  }

  /**
   * What wall time would be had nobody set the clock since the start. Only this process reads its tokens, and a clock that is set while
   * somebody answers a Retry would end that dial with INVALID_TOKEN.
   */
  get #tokenTime(): number {
    return Math.max(0, this.#epoch + this.#parts.ports.clock.now())
  }

  /** Whether the prefix lists let a peer that has moved be there. */
  welcomes(remote: Address): boolean {
    return this.gate.welcomes(new Source(remote))
  }

  /** Whether connections from there count towards the share of its network. */
  hasShare(remote: Address): boolean {
    return !this.#trusts(remote)
  }

  #trusts(remote: Address): boolean {
    return this.#options.loopback === 'trusted' && new Source(remote).loopback
  }

  #retry(header: LongHeader, { ip, port }: Address, into: Uint8Array): number {
    const { ports, quic } = this.#parts
    const retryId = new Uint8Array(LOCAL_ID_BYTES)
    ports.random.fill(retryId)
    const token = this.#tokens.mintRetry({ ip, port, originalId: header.destinationId, retryId }, this.#tokenTime)
    return quic.retry(header, { token, retryId }, into, ports.crypto)
  }
}
