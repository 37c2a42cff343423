// How fast is answered: whoever asks in a loop is made to wait, so that the thread stays idle and the processor stays the node's. Beyond a wait
// that makes sense, askers are turned away.

/** Answers a second, and so many at once after a pause: a page takes a dozen files and then two answers a second. */
const ANSWERS_PER_SECOND = 25
const ANSWERS_AT_ONCE = 50

/** The longest wait, in milliseconds. */
export const WAIT_MS_MAX = 2000

/** The pace of one kind of answers. */
export class Pace {
  /** When the answer after the last one is due, were there no burst. */
  #due = -Infinity

  /** How long the next answer has to wait at a moment, in milliseconds; null: too long, and it is not counted. */
  take(now: number): number | null {
    const every = 1000 / ANSWERS_PER_SECOND
    const due = Math.max(this.#due, now - every * (ANSWERS_AT_ONCE - 1))
    const waitMs = Math.max(0, due - now)
    if (waitMs > WAIT_MS_MAX) return null
    this.#due = due + every
    return waitMs
  }
}
