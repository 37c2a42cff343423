// Sessions that a dialler may come back with, by peer, in memory alone. Each is used once (RFC 8446 appendix C.4), so that nobody on the way can
// tell by a ticket that two dials are of one node.
import type { PeerId } from '../ids.ts'
import type { ResumableSession } from './pre-shared-key.ts'
import type { Resumption } from './session.ts'

/** More peers than a node dials within a day; each session has some 300 bytes. */
export const KEPT_SESSIONS_MAX = 1024

/** The last session with each peer. Bounded by KEPT_SESSIONS_MAX: the oldest goes. */
export class KeptSessions {
  readonly #sessions = new Map<PeerId, { readonly session: ResumableSession; readonly since: number }>()

  /** A ticket came; one of a server without a PeerId is not kept here. */
  keep(session: ResumableSession, now: number): void {
    const { peerId } = session.peer
    if (peerId === null) return
    this.#sessions.delete(peerId)
    const [oldest] = this.#sessions.keys()
    if (oldest !== undefined && this.#sessions.size >= KEPT_SESSIONS_MAX) this.#sessions.delete(oldest)
    this.#sessions.set(peerId, { session, since: now })
  }

  /** The session for a dial, which nobody gets again; null when there is none, or its time is over. */
  take(peerId: PeerId, now: number): Resumption | null {
    const kept = this.#sessions.get(peerId)
    this.#sessions.delete(peerId)
    if (kept === undefined || now - kept.since >= kept.session.lifetimeMs) return null
    return { session: kept.session, ageMs: now - kept.since }
  }
}
