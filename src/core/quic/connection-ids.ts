// Connection ids of both ends (RFC 9000 section 5.1): ours, which the peer puts on what it sends, and the peer's, one of which we use.
import { sameBytes, toHex } from '../bytes.ts'
import type { Random } from '../ports.ts'
import type { Frame } from './frames.ts'
import type { ConnectionOutput } from './outputs.ts'
import { CONTROL_FRAME_BYTES_MAX, type PacketBuilder } from './packet-builder.ts'
import { LOCAL_ID_BYTES } from './packet.ts'
import { RESET_TOKEN_BYTES } from './stateless-reset.ts'
import { CONNECTION_ID_LIMIT_ERROR, PROTOCOL_VIOLATION, type Violation, violation } from './transport-error.ts'

/** Ids of ours the peer may use at a time: one, and one to change to. More would only fill routing tables. */
const LOCAL_IDS = 2

/** Ids the peer asked us to retire and whose retirement is not acknowledged: beyond this it is flooding us. */
const RETIRING_MAX = 16

const NO_TOKEN = new Uint8Array(0)

interface LocalId {
  readonly id: Uint8Array
  /** Empty for the first id, which no frame announces. */
  readonly resetToken: Uint8Array
}

interface RemoteId {
  readonly sequence: number
  readonly id: Uint8Array
  /** Null while it is not known, as for the id of a first packet. */
  readonly resetToken: Uint8Array | null
}

type NewConnectionId = Frame & { type: 'new-connection-id' }

/** What connection ids are made with. */
export interface ConnectionIdsConfig {
  readonly random: Random
  readonly remoteMax: number
  readonly emit: (output: ConnectionOutput) => void
  /** The stateless reset token of an id of ours; null where none will be sent: then one is drawn, which nobody can say. */
  readonly resetToken?: (id: Uint8Array) => Uint8Array | null
}

export class ConnectionIds {
  readonly #config: ConnectionIdsConfig
  /** Ours by sequence number. Bounded by LOCAL_IDS. */
  readonly #local = new Map<number, LocalId>()
  #nextSequence = 1
  /** The peer can know of ids below this one. */
  #nextUnsaid = 1
  /** The peer's ids that are not retired, by sequence number. Bounded by remoteMax. */
  readonly #remote = new Map<number, RemoteId>()
  #current: RemoteId
  #initialRemote: Uint8Array
  #retirePriorTo = 0
  /** NEW_CONNECTION_ID and RETIRE_CONNECTION_ID frames to send. Bounded by LOCAL_IDS and RETIRING_MAX. */
  readonly #announce = new Set<number>()
  readonly #retire = new Set<number>()
  /** Sequence numbers whose retirement is not acknowledged. Bounded by RETIRING_MAX. */
  readonly #retiring = new Set<number>()

  constructor(ids: { local: Uint8Array; remote: Uint8Array }, config: ConnectionIdsConfig) {
    this.#config = config
    this.#local.set(0, { id: ids.local, resetToken: NO_TOKEN })
    this.#current = { sequence: 0, id: ids.remote, resetToken: null }
    this.#initialRemote = ids.remote
    this.#remote.set(0, this.#current)
  }

  /** Whether a long header may come with this source id: the peer's first one never changes (RFC 9000 section 7.2). */
  isInitialRemote(id: Uint8Array): boolean {
    return sameBytes(this.#initialRemote, id)
  }

  /** The id that goes on what we send. */
  get remote(): Uint8Array {
    return this.#current.id
  }

  /** Ids of ours that datagrams may come with. */
  get local(): Uint8Array[] {
    return [...this.#local.values()].map(({ id }) => id)
  }

  isLocal(id: Uint8Array): boolean {
    for (const own of this.#local.values()) if (sameBytes(own.id, id)) return true
    return false
  }

  /** The peer chose its own id in its first packet (RFC 9000 section 7.2). */
  setInitialRemote(id: Uint8Array): void {
    this.#current = { sequence: 0, id: id.slice(), resetToken: null }
    this.#initialRemote = this.#current.id
    this.#remote.set(0, this.#current)
  }

  /** The token in which a stateless reset of the peer would end: that of the id we send to, and of no other (section 10.3.1). */
  get resetToken(): Uint8Array | null {
    return this.#current.resetToken
  }

  /** The server said the token of its first id (RFC 9000 section 18.2). */
  setInitialResetToken(resetToken: Uint8Array): void {
    const first = this.#remote.get(0)
    if (first === undefined) return
    const known = { ...first, resetToken }
    this.#remote.set(0, known)
    if (this.#current === first) this.#use(known)
  }

  /** The handshake is confirmed: the peer gets a spare id. */
  issue(peerLimit: number): void {
    while (this.#local.size < Math.min(LOCAL_IDS, peerLimit)) {
      const id = new Uint8Array(LOCAL_ID_BYTES)
      this.#config.random.fill(id)
      const resetToken = this.#config.resetToken?.(id) ?? this.#drawnToken()
      const sequence = this.#nextSequence++
      this.#local.set(sequence, { id, resetToken })
      this.#announce.add(sequence)
      this.#config.emit({ kind: 'id-issued', id })
    }
  }

  onNewConnectionId(frame: Omit<NewConnectionId, 'type'>): Violation | null {
    if (this.#current.id.length === 0) return violation(PROTOCOL_VIOLATION, 'an id for a peer that uses none')
    const known = this.#remote.get(frame.sequence)
    if (known !== undefined && !sameBytes(known.id, frame.id)) {
      return violation(PROTOCOL_VIOLATION, 'one sequence number for two ids')
    }
    const token = known?.resetToken ?? null
    if (token !== null && !sameBytes(token, frame.resetToken)) {
      return violation(PROTOCOL_VIOLATION, 'two reset tokens for one id')
    }
    if (frame.sequence < this.#retirePriorTo) this.#retireRemote(frame.sequence)
    else if (known === undefined) {
      if ([...this.#remote.values()].some((other) => sameBytes(other.id, frame.id))) {
        return violation(PROTOCOL_VIOLATION, 'one id for two sequence numbers')
      }
      const { sequence } = frame
      this.#remote.set(sequence, { sequence, id: frame.id.slice(), resetToken: frame.resetToken.slice() })
    }
    if (frame.retirePriorTo > this.#retirePriorTo) this.#retireBelow(frame.retirePriorTo)
    const tooMany = this.#remote.size > this.#config.remoteMax || this.#retiring.size > RETIRING_MAX
    return tooMany ? violation(CONNECTION_ID_LIMIT_ERROR, 'more ids than we asked for') : null
  }

  onRetire(sequence: number, arrivedWith: Uint8Array, peerLimit: number): Violation | null {
    // Ids follow those retired at once: were it enough that they exist, one packet could retire hundreds that it guessed.
    if (sequence >= this.#nextUnsaid) return violation(PROTOCOL_VIOLATION, 'an id retired that was never sent')
    const id = this.#local.get(sequence)?.id
    if (id === undefined) return null
    if (sameBytes(id, arrivedWith)) return violation(PROTOCOL_VIOLATION, 'an id retired by a packet that uses it')
    this.#local.delete(sequence)
    this.#announce.delete(sequence)
    this.#config.emit({ kind: 'id-retired', id })
    this.issue(peerLimit)
    return null
  }

  get pending(): boolean {
    return this.#announce.size > 0 || this.#retire.size > 0
  }

  fill(packet: PacketBuilder): void {
    for (const sequence of this.#announce) {
      const own = this.#local.get(sequence)
      if (packet.room < CONTROL_FRAME_BYTES_MAX || own === undefined) return
      packet.add(
        { type: 'new-connection-id', sequence, retirePriorTo: 0, ...own },
        { kind: 'new-connection-id', sequence },
      )
      this.#announce.delete(sequence)
      this.#nextUnsaid = Math.max(this.#nextUnsaid, sequence + 1)
    }
    for (const sequence of this.#retire) {
      if (packet.room < CONTROL_FRAME_BYTES_MAX) return
      packet.add({ type: 'retire-connection-id', sequence }, { kind: 'retire-connection-id', sequence })
      this.#retire.delete(sequence)
    }
  }

  acknowledged(kind: 'new-connection-id' | 'retire-connection-id', sequence: number): void {
    if (kind === 'new-connection-id') return
    this.#retiring.delete(sequence)
    this.#retire.delete(sequence)
  }

  lost(kind: 'new-connection-id' | 'retire-connection-id', sequence: number): void {
    if (kind === 'retire-connection-id') {
      if (this.#retiring.has(sequence)) this.#retire.add(sequence)
    } else if (this.#local.has(sequence)) this.#announce.add(sequence)
  }

  /** For logs and tests. */
  toString(): string {
    return `${this.local.map(toHex).join(',')} -> ${toHex(this.remote)}`
  }

  #retireBelow(priorTo: number): void {
    this.#retirePriorTo = priorTo
    for (const sequence of this.#remote.keys()) if (sequence < priorTo) this.#retireRemote(sequence)
    if (this.#current.sequence >= priorTo) return
    const next = this.#remote.values().next().value
    if (next !== undefined) this.#use(next)
  }

  #use(remote: RemoteId): void {
    const { resetToken: before } = this.#current
    this.#current = remote
    if (before !== null) this.#config.emit({ kind: 'reset-token', token: before, inUse: false })
    if (remote.resetToken !== null) this.#config.emit({ kind: 'reset-token', token: remote.resetToken, inUse: true })
  }

  #drawnToken(): Uint8Array {
    const token = new Uint8Array(RESET_TOKEN_BYTES)
    this.#config.random.fill(token)
    return token
  }

  #retireRemote(sequence: number): void {
    this.#remote.delete(sequence)
    this.#retire.add(sequence)
    this.#retiring.add(sequence)
  }
}
