// Judges a datagram that belongs to no known connection, by its header and by how full the node is; it never reads TLS. The first step
// of the ladder that applies wins, and each verdict is counted once: the verdicts always sum to the datagrams judged.
import { unreachable } from '../assert.ts'
import type { Counters, DropReason, RefuseReason } from '../counters.ts'
import type { HalfOpen } from './half-open.ts'

/** A first datagram must be this long (RFC 9000 section 14.1), so that an answer is no amplification. */
export const FIRST_DATAGRAM_BYTES_MIN = 1200

/** A client's first destination id must be this long (RFC 9000 section 7.2). */
export const FIRST_ID_BYTES_MIN = 8

/** What the gate looks at: a parsed header (null: not QUIC) and the length of its datagram. */
export interface FirstLook {
  readonly bytes: number
  readonly header:
    | null
    | { readonly form: 'short' | 'retry' | 'version-negotiation' | 'unknown-version' }
    | { readonly form: 'long'; readonly type: string; readonly destinationId: Uint8Array }
}

/** What is to be done with a datagram. `slot`: a handshake may begin, if the datagram opens under its Initial keys. */
export type Verdict =
  | { readonly kind: 'drop'; readonly reason: DropReason }
  | { readonly kind: 'version-negotiation' }
  | { readonly kind: 'refuse'; readonly reason: RefuseReason }
  | { readonly kind: 'slot' }

/** How full the node is, as far as the ladder asks. */
export interface Fullness {
  readonly closing: boolean
  readonly connectionsFull: boolean
  readonly halfOpen: HalfOpen
}

/** The verdict on one datagram of no known connection; changes nothing. */
export const judge = (look: FirstLook, full: Fullness): Verdict => {
  const { header, bytes } = look
  if (full.closing) return drop('closing')
  if (header === null) return drop('not-quic')
  if (header.form === 'unknown-version') {
    return bytes < FIRST_DATAGRAM_BYTES_MIN ? drop('initial-too-small') : { kind: 'version-negotiation' }
  }
  if (header.form !== 'long') return drop('unknown-connection')
  if (header.type !== 'initial') return drop('unknown-connection')
  if (bytes < FIRST_DATAGRAM_BYTES_MIN) return drop('initial-too-small')
  if (header.destinationId.length < FIRST_ID_BYTES_MIN) return drop('id-too-short')
  if (!full.halfOpen.free('inbound')) return { kind: 'refuse', reason: 'slots-full' }
  if (full.connectionsFull) return { kind: 'refuse', reason: 'connections-full' }
  return { kind: 'slot' }
}

/** Counts a verdict that was carried out; once for each datagram judged. */
export const countVerdict = (verdict: Verdict, counters: Counters): void => {
  counters.judged++
  switch (verdict.kind) {
    case 'drop':
      counters.dropped[verdict.reason]++
      return
    case 'refuse':
      counters.refused[verdict.reason]++
      return
    case 'version-negotiation':
      counters.versionNegotiations++
      return
    case 'slot':
      counters.slots++
      return
    default:
      unreachable(verdict)
  }
}

const drop = (reason: DropReason): Verdict => ({ kind: 'drop', reason })
