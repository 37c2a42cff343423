// Tasks nobody awaits: each is in a set that closing waits for, there are only so many, and one that fails is counted.
import { assert } from '../core/assert.ts'

/** Running tasks. Bounded by its `max`. */
export class TaskSet {
  readonly #max: number
  readonly #failed: (error: unknown) => void
  readonly #running = new Set<Promise<void>>()

  /** `failed` is told of every rejection and must not throw. */
  constructor(max: number, failed: (error: unknown) => void) {
    this.#max = max
    this.#failed = failed
  }

  get size(): number {
    return this.#running.size
  }

  /** Starts a task now; false when too many run. */
  run(task: () => Promise<void>): boolean {
    if (this.#running.size >= this.#max) return false
    const running = this.#supervised(task).finally(() => this.#running.delete(running))
    this.#running.add(running)
    assert(this.#running.size <= this.#max, 'tasks are bounded')
    return true
  }

  /** Resolves when every task running now has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #supervised(task: () => Promise<void>): Promise<void> {
    try {
      await task()
    } catch (error) {
      this.#failed(error)
    }
  }
}
