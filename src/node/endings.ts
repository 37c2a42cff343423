// What was begun and has to be ended, the last begun first, whatever one of the endings does.
import { SallyportError } from '../core/errors.ts'
import { type Time, within } from './within.ts'

/** Something begun that has to be ended. */
export type Ending = () => Promise<void>

/** One ending may take so long: more than a transport's goodbye. What hangs after that, a disk mostly, does not hold up the others. */
const ENDING_MS_MAX = 5000

/** The endings of one thing. Bounded by its parts. */
export class Endings {
  readonly #endings: Ending[] = []
  /** Before it is known, endings are waited for as long as they take. */
  #time: Time | null = null

  add(...endings: readonly Ending[]): void {
    this.#endings.push(...endings)
  }

  /** From now on endings are bounded by this time. */
  bound(time: Time): void {
    this.#time = time
  }

  /** Runs each once, one after the other; the first failure is reported when all have had their turn. An ending that hangs goes on. */
  async run(): Promise<void> {
    let failure: unknown = null
    for (const ending of this.#endings.splice(0).toReversed()) {
      try {
        const inTime = this.#time === null ? await ending().then(() => true) : await this.#bounded(this.#time, ending)
        if (!inTime) failure ??= new SallyportError('IO_FAILED', 'something in use hangs; it was left behind')
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== null) throw SallyportError.from(failure)
  }

  #bounded(time: Time, ending: Ending): Promise<boolean> {
    return within(time, ENDING_MS_MAX, ending())
  }
}
