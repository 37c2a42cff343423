// Who was turned away, failed or went lately, and why: the last of them, for whoever asks after one peer that is not here. Counters say
// how many there were; this says who. Two rings of a fixed size, so that a flood of refusals hides no connection that ended.
import type { Address } from '../core/address.ts'
import type { Direction, EndingKind, HandshakeFailure, RefuseReason } from '../core/counters.ts'
import type { PeerId } from '../core/ids.ts'
import type { CloseReason } from '../core/quic/outputs.ts'
import { closeText, endingOf } from './close-reasons.ts'
import type { Link } from './link.ts'

/** Connections and handshakes that ended, and refusals, that are remembered: some pages for a reader, some 100 bytes each. */
const ENDED_MAX = 256
const REFUSED_MAX = 128

/** Characters of a peer's own words that are kept. */
const WORDS_MAX = 120

/**
 * What became of one that is not here: `refused` before a handshake began, `failed` in its handshake, `closed` after it. `why` is the label
 * of the counter that it was counted under.
 */
export type Ending = {
  readonly remote: Address
  readonly direction: Direction
  /** Null where nobody has proved who it is. */
  readonly peerId: PeerId | null
  /** Milliseconds since it ended. */
  readonly agoMs: number
  /** One line for people; a peer's own words are cut and in printable ASCII. */
  readonly detail: string
} & EndingCause

/** How it came to be among the endings, and why. */
export type EndingCause =
  | { readonly kind: 'refused'; readonly why: RefuseReason }
  | { readonly kind: 'failed'; readonly why: HandshakeFailure }
  | { readonly kind: 'closed'; readonly why: EndingKind }

type Remembered = Pick<Ending, 'remote' | 'direction' | 'peerId'> &
  EndingCause & { readonly at: number; readonly reason: CloseReason | null }

/** How a connection ended; `failure` is how its handshake failed, null where it had finished. */
export interface End {
  readonly failure: HandshakeFailure | null
  readonly reason: CloseReason
  readonly at: number
}

/** The last endings of one endpoint. */
export class RecentEndings {
  readonly #ended = new Ring(ENDED_MAX)
  readonly #refused = new Ring(REFUSED_MAX)

  /** The gate refused a first datagram. */
  refused(remote: Address, why: RefuseReason, at: number): void {
    this.#refused.push({ kind: 'refused', why, remote, direction: 'inbound', peerId: null, at, reason: null })
  }

  /** A connection ended, or failed before it was one. */
  ended(link: Pick<Link, 'remote' | 'direction' | 'peer'>, { failure, reason, at }: End): void {
    const { remote, direction, peer } = link
    const what: EndingCause =
      failure === null ? { kind: 'closed', why: endingOf(reason) } : { kind: 'failed', why: failure }
    this.#ended.push({ ...what, remote, direction, peerId: peer?.peerId ?? null, at, reason })
  }

  /** All that is remembered, the last first. */
  read(now: number): Ending[] {
    return [...this.#ended.all(), ...this.#refused.all()]
      .toSorted((a, b) => b.at - a.at)
      .map(({ at, reason, ...ending }) => ({ ...ending, agoMs: now - at, detail: detailOf(reason) }))
  }
}

/** Bounded by the maximum it is made with; the oldest makes room. */
class Ring {
  readonly #max: number
  readonly #kept: Remembered[] = []
  #next = 0

  constructor(max: number) {
    this.#max = max
  }

  push(ending: Remembered): void {
    this.#kept[this.#next] = ending
    this.#next = (this.#next + 1) % this.#max
  }

  all(): readonly Remembered[] {
    return this.#kept
  }
}

const detailOf = (reason: CloseReason | null): string =>
  reason === null
    ? 'refused by the gate'
    : closeText(reason)
        .slice(0, WORDS_MAX)
        .replaceAll(/[^ -~]/g, '?')
