// What every congestion controller is to the rest: a window of bytes, moved by acknowledgements and losses. What is in flight, when a
// loss counts, and how fast the window is spent is the throttle's affair (throttle.ts).
import { Cubic } from './cubic.ts'
import { NewReno } from './new-reno.ts'

/** The controllers there are. */
export type CongestionName = 'cubic' | 'new-reno'

/** What is known when packets are acknowledged. Times in ms. */
export interface AckFacts {
  readonly now: number
  /** When the newest of the packets was sent. */
  readonly sentAt: number
  /** The round-trip time this acknowledgement showed, or null when it showed none. */
  readonly sampleMs: number | null
  readonly smoothedMs: number
  /** Whether the window or the pace, and not the application, held sending back. */
  readonly limited: boolean
}

/** One controller. All of it in bytes; it never falls below two datagrams. */
export interface Congestion {
  readonly window: number
  readonly inSlowStart: boolean
  /** The path carries datagrams of another size than was known: the window is at least what it would have begun with. */
  setDatagramBytes(datagramBytes: number): void
  /** Packets sent since the last reduction were acknowledged. */
  acknowledged(bytes: number, facts: AckFacts): void
  /** Packets were lost; called once a round trip at most. */
  reduce(): void
  /** The packets behind the last reduction had only been late: as if it had never been. */
  undo(): void
  /** Nothing came through for several probe timeouts: what was known of the path is void (RFC 9002 section 7.6). */
  collapse(): void
  /** Nothing was in flight for so many probe timeouts: what was known of the path is old. */
  idled(probeTimeouts: number): void
}

/** A controller that begins. */
export const congestionOf = (name: CongestionName, datagramBytes: number): Congestion =>
  name === 'cubic' ? new Cubic(datagramBytes) : new NewReno(datagramBytes)
