// The steps of a connection that take time: recorded, and told to whoever looks on.
import { addressText } from '../core/address.ts'
import type { HandshakeFailure } from '../core/counters.ts'
import type { Histograms } from '../core/histograms.ts'
import type { Clock, TracedTime, Tracing } from '../io/ports.ts'
import type { Link } from './link.ts'

/** Where the steps of one node are recorded and told. */
export interface Recorders {
  readonly clock: Clock
  readonly histograms: Histograms
  readonly tracing?: Tracing | undefined
}

/** A handshake is over; only one that finished is recorded. */
export const handshakeOver = (link: Link, failure: HandshakeFailure | null, recorders: Recorders): void => {
  const { clock, histograms, tracing } = recorders
  const { connection, direction, origin, peer } = link
  const tookMs = clock.now() - link.beganAt
  if (failure === null) histograms[direction === 'inbound' ? 'handshakeIn' : 'handshakeOut'].record(tookMs)
  tracing?.tell('handshake', () => ({
    ...timeOf(clock, tookMs),
    direction,
    remote: addressText(origin),
    peerId: peer?.peerId ?? null,
    isResumed: connection.isResumed,
    failure,
  }))
}

/** Who is at the other end has said so, and heard who we are. */
export const identityOver = ({ direction, peer, remote, state }: Link, recorders: Recorders): void => {
  if (state.kind !== 'established') return
  const { clock, histograms, tracing } = recorders
  const tookMs = clock.now() - state.since
  histograms[direction === 'inbound' ? 'identityIn' : 'identityOut'].record(tookMs)
  tracing?.tell('identity', () => ({
    ...timeOf(clock, tookMs),
    direction,
    remote: addressText(remote),
    peerId: peer?.peerId ?? null,
  }))
}

const timeOf = (clock: Clock, tookMs: number): TracedTime => ({ beganAt: clock.wall() - tookMs, tookMs })
