// A gate with its driver, and what is shown to it.
import { Counters } from '../../../src/core/counters.ts'
import {
  type FirstLook,
  Gate,
  type Situation,
  type SlotVerdict,
  type TokenResult,
  type Verdict,
} from '../../../src/core/gate/gate.ts'
import { type GateOptions, gateOptionsOf } from '../../../src/core/gate/options.ts'
import type { ShareView } from '../../../src/core/gate/shares.ts'
import { type ConnectionHandle, connectionHandle } from '../../../src/core/ids.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { at } from './sources.ts'

export const NO_TOKEN: TokenResult = { kind: 'none' }
export const NEW_TOKEN: TokenResult = { kind: 'new-token' }
export const RETRY: TokenResult = { kind: 'retry', originalId: new Uint8Array(8), retryId: new Uint8Array(8) }
export const BAD_RETRY: TokenResult = { kind: 'invalid-retry' }

/** Nobody has any share of the connections. */
export const NO_SHARES: ShareView = { admits: () => true, rival: () => null }

/** What a node's transport limits, as far as the gate asks. */
const LIMITS = { halfOpenInMax: 1024, halfOpenOutMax: 256, handshakeTimeoutMs: 10_000, connectionsMax: 10_000 }

let flights = 0

/** A full-sized Initial of a flight nobody else has, or of the flight given. */
export const initial = (ip: string, token: TokenResult = NO_TOKEN, flight = ++flights): FirstLook => {
  const destinationId = new Uint8Array(8)
  new DataView(destinationId.buffer).setUint32(0, flight)
  return { bytes: 1200, from: at(ip), header: { form: 'long', type: 'initial', destinationId }, token: () => token }
}

/** A gate with its driver: carries out what the verdicts say, on slots that hold nothing. */
export class Gatehouse {
  readonly counters = new Counters()
  readonly gate: Gate
  readonly situation: { -readonly [K in keyof Situation]: Situation[K] } = {
    closing: false,
    connections: 0,
    shares: NO_SHARES,
    lateMs: 0,
  }
  /** Whose slot is whose, in order. */
  readonly holders = new Map<ConnectionHandle, SlotVerdict>()
  readonly displaced: ConnectionHandle[] = []
  now = 0
  #drawn = 0

  constructor(options: Partial<GateOptions> = {}, limits: Partial<typeof LIMITS> = {}) {
    const config = {
      ...gateOptionsOf({ loopback: 'as-outside', ...options }),
      ...LIMITS,
      ...limits,
    }
    this.gate = new Gate(config, new SeededRandom(7), this.counters)
  }

  judge(look: FirstLook): Verdict {
    const verdict = this.gate.judge(look, this.situation, this.now)
    if (verdict.kind === 'slot') this.#seat(verdict)
    this.gate.count(verdict)
    return verdict
  }

  /** What became of an Initial: the kind of its verdict, or the reason that came with it. */
  outcome(ip: string, token: TokenResult = NO_TOKEN): string {
    const verdict = this.judge(initial(ip, token))
    return 'reason' in verdict ? verdict.reason : verdict.kind
  }

  /** The handle that was given last. */
  get last(): ConnectionHandle {
    return connectionHandle(this.#drawn)
  }

  free(handle: ConnectionHandle): void {
    this.gate.halfOpen.release(handle)
    this.holders.delete(handle)
  }

  #seat(verdict: SlotVerdict): void {
    if (verdict.displaced !== null) {
      this.displaced.push(verdict.displaced)
      this.free(verdict.displaced)
    }
    const handle = connectionHandle(++this.#drawn)
    this.gate.take(verdict, handle, this.now)
    this.holders.set(handle, verdict)
  }
}
