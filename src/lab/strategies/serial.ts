// A double of the accept path, for control experiments: one handshake after another. While one is in progress the datagrams of all
// others wait, as they do behind an accept call that awaits a whole handshake. It must fail where the real one does not.
import type { ConnectionHandle } from '../../core/ids.ts'
import type { Admission } from '../../node/acceptance.ts'

/** Datagrams kept for one waiting handshake: a first flight and its repetitions. */
const WAITING_DATAGRAMS_MAX = 16

/** See above. Bounded by the half-open slots of its endpoint. */
export class SerialAdmission implements Admission {
  /** In the order of arrival. */
  readonly #waiting = new Map<ConnectionHandle, (() => void)[]>()
  #current: ConnectionHandle | null = null

  arrived(handle: ConnectionHandle, deliver: () => void): void {
    this.#current ??= handle
    if (this.#current === handle) return deliver()
    const kept = this.#waiting.get(handle) ?? []
    this.#waiting.set(handle, kept)
    if (kept.length < WAITING_DATAGRAMS_MAX) kept.push(deliver)
  }

  ended(handle: ConnectionHandle): void {
    this.#waiting.delete(handle)
    if (this.#current !== handle) return
    const [next] = this.#waiting
    this.#current = next?.[0] ?? null
    if (next === undefined) return
    this.#waiting.delete(next[0])
    for (const deliver of next[1]) deliver()
  }
}
