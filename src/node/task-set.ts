// Tasks nobody awaits: each is in a set that closing waits for, there are only so many, and one that fails is told of.
import { assert } from '../core/assert.ts'
import type { PeerId } from '../core/ids.ts'

/** What a task is for, as its failure tells. */
export type Task =
  /** An application's handler, answering one call of a peer. */
  | { readonly name: 'handler'; readonly protocol: string; readonly peerId: PeerId }
  /** The phonebook, hearing who is connected. */
  | { readonly name: 'phonebook' }

/** Running tasks. Bounded by its `max`. */
export class TaskSet {
  readonly #max: number
  readonly #failed: (task: Task, error: unknown) => void
  readonly #running = new Set<Promise<void>>()

  /** `failed` is told of every rejection and must not throw. */
  constructor(max: number, failed: (task: Task, error: unknown) => void) {
    this.#max = max
    this.#failed = failed
  }

  get size(): number {
    return this.#running.size
  }

  /** Whether no other may start. */
  get full(): boolean {
    return this.#running.size >= this.#max
  }

  /** Starts a task now; false when too many run. */
  run(task: Task, work: () => Promise<void>): boolean {
    if (this.full) return false
    const running = this.#supervised(task, work).finally(() => this.#running.delete(running))
    this.#running.add(running)
    assert(this.#running.size <= this.#max, 'tasks are bounded')
    return true
  }

  /** Resolves when every task running now has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#running)
  }

  async #supervised(task: Task, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failed(task, error)
    }
  }
}
