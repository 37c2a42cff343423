// What came and was not taken yet, and who waits for more: the connections of a listener, the streams of a session.
import { cancelled } from './abort.ts'
import type { AbortOptions } from './options.ts'

interface Waiter<Item> {
  readonly give: (item: Item | null) => void
}

/** A queue with an end. Its owner bounds what is put into it, its callers how many of them wait. */
export class Inbox<Item> implements AsyncIterable<Item> {
  readonly #items = new Set<Item>()
  readonly #waiters = new Set<Waiter<Item>>()
  #closed = false

  /** How many wait to be taken. */
  get size(): number {
    return this.#items.size
  }

  /** How many callers wait for one. */
  get waiters(): number {
    return this.#waiters.size
  }

  put(item: Item): void {
    if (this.#closed) return
    const [waiter] = this.#waiters
    if (waiter === undefined) this.#items.add(item)
    else waiter.give(item)
  }

  /** Takes one out that is not worth taking any more; false when it was taken before. */
  withdraw(item: Item): boolean {
    return this.#items.delete(item)
  }

  /** Takes the oldest out, which nobody gets any more. */
  drop(): void {
    const [oldest] = this.#items
    if (oldest !== undefined) this.#items.delete(oldest)
  }

  /** Nothing comes any more; what is left can still be taken. */
  close(): void {
    this.#closed = true
    for (const waiter of this.#waiters) waiter.give(null)
  }

  /** Everything that was not taken, which nobody gets any more. */
  clear(): Item[] {
    const items = [...this.#items]
    this.#items.clear()
    return items
  }

  /** The next one, or null after the last; rejects with CANCELLED. */
  take({ signal }: AbortOptions = {}): Promise<Item | null> {
    if (signal?.aborted === true) return Promise.reject(cancelled(signal))
    const [item] = this.#items
    if (item !== undefined) {
      this.#items.delete(item)
      return Promise.resolve(item)
    }
    if (this.#closed) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiters.delete(waiter)
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = (): void => {
        end()
        reject(cancelled(signal))
      }
      const give = (next: Item | null): void => {
        end()
        resolve(next)
      }
      const waiter = { give }
      this.#waiters.add(waiter)
      signal?.addEventListener('abort', onAbort)
    })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for (;;) {
      const item = await this.take()
      if (item === null) return
      yield item
    }
  }
}
