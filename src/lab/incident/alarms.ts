// How soon our own metrics would have shown it: looked at as a dashboard would, every ten seconds, at each host by itself.
import type { Resident } from './resident.ts'

/** A dashboard's interval. */
export const LOOK_MS = 10_000

/** How often a value has to be seen to be more than a moment. */
const LOOKS = 2

/** When each was seen first, in milliseconds of the world; Infinity for never. */
export interface Alarms {
  /** Some host has accepted connections that it does not read. */
  readonly unreadMs: number
  /** Of those that a client dialled, one in ten and three at least did not say in time who they are. */
  readonly identityTimeoutsMs: number
  /** Identity exchanges of a client take more than a second at the median. */
  readonly identityOutMs: number
}

/** Above it an identity exchange, two messages each way, is no matter of the way. */
const SLOW_EXCHANGE_MS = 1000

const TIMEOUTS_MIN = 3
const TIMEOUTS_SHARE = 0.1

/** Watches hosts and clients from now on. */
export class Watch {
  #alarms: Alarms = { unreadMs: Infinity, identityTimeoutsMs: Infinity, identityOutMs: Infinity }
  /** In how many looks in a row a host had connections that it did not read. Bounded by the hosts. */
  readonly #unread = new Map<Resident, number>()

  get alarms(): Alarms {
    return this.#alarms
  }

  /** Looks once; clients are nobody's neighbours, so that what they count is honest. */
  look(now: number, residents: readonly Resident[], clients: readonly Resident[]): void {
    const { unreadMs, identityTimeoutsMs, identityOutMs } = this.#alarms
    this.#alarms = {
      unreadMs: Math.min(unreadMs, residents.some((resident) => this.#isUnread(resident)) ? now : Infinity),
      identityTimeoutsMs: Math.min(identityTimeoutsMs, clients.some(timedOut) ? now : Infinity),
      identityOutMs: Math.min(identityOutMs, clients.some(isSlow) ? now : Infinity),
    }
  }

  #isUnread(resident: Resident): boolean {
    const counters = resident.transport?.counters()
    const gap = counters === undefined ? 0 : counters.accepted.inbound - counters.reading.inbound
    const looks = gap > 0 ? (this.#unread.get(resident) ?? 0) + 1 : 0
    this.#unread.set(resident, looks)
    return looks >= LOOKS
  }
}

const timedOut = ({ transport }: Resident): boolean => {
  const counters = transport?.counters()
  if (counters === undefined || counters.identityTimeouts < TIMEOUTS_MIN) return false
  return counters.identityTimeouts > TIMEOUTS_SHARE * (counters.identityTimeouts + counters.identified.outbound)
}

const isSlow = ({ transport }: Resident): boolean =>
  (transport?.metrics().histograms.identityOut.p50Ms ?? 0) > SLOW_EXCHANGE_MS
