// How long things take in one node: each is recorded by the room that sees both its beginning and its end. docs/metrics.md describes
// each; a test compares.
import { Histogram, type HistogramSnapshot } from './histogram.ts'

/** What is timed. */
export const TIMED = [
  /** From the first datagram of a handshake to its end, by who dialled. */
  'handshakeIn',
  'handshakeOut',
  /** From the end of the handshake until HELLO and HELLO_ACK have gone both ways, by who dialled. */
  'identityIn',
  'identityOut',
  /** From when a signature or its verification is asked for until its result is there. */
  'signing',
  /** What the application's policy takes to judge a peer; nothing else runs meanwhile. */
  'policy',
  /** From when a handler is called until what it returned is settled. */
  'handler',
  /** How late a timer runs: what every datagram waits as well. */
  'eventLoop',
] as const
export type Timed = (typeof TIMED)[number]

/** The histograms of one node. Bounded by `TIMED`. */
export type Histograms = Readonly<Record<Timed, Histogram>>

/** Their readings at one moment. */
export type HistogramsSnapshot = Readonly<Record<Timed, HistogramSnapshot>>

/** A set in which nothing is recorded yet. */
export const histograms = (): Histograms => byName(() => new Histogram())

/** The readings of all of them now. */
export const snapshotOf = (all: Histograms): HistogramsSnapshot => byName((name) => all[name].snapshot())

const byName = <Value>(value: (name: Timed) => Value): Record<Timed, Value> =>
  Object.fromEntries(TIMED.map((name) => [name, value(name)])) as Record<Timed, Value>
