// Time that stands still until a test moves it. Timers run in order of their time, then of their setting; before each, what was
// asked for `soon` runs and every promise that can go on goes on, so that code written with promises runs under it too.
import type { Clock, Timer, Timers } from '../../src/io/ports.ts'

/** Callbacks run without time moving on before it is taken for a loop that never ends. */
const STUCK_AFTER = 100_000

interface Entry {
  readonly time: number
  readonly order: number
  run: (() => void) | null
}

/** Clock and Timers in one, driven by hand; starts at 0 milliseconds and `wallStart`. */
export class FakeClock implements Clock, Timers {
  readonly #wallStart: number
  /** A binary heap by time, then order. Cancelled entries stay until their time; bounded by what the code under test sets. */
  readonly #heap: Entry[] = []
  #soon: (() => void)[] = []
  #now = 0
  #order = 0
  #sinceMoved = 0

  constructor(wallStart = Date.UTC(2026, 0, 1)) {
    this.#wallStart = wallStart
  }

  now(): number {
    return this.#now
  }

  wall(): number {
    return this.#wallStart + Math.floor(this.#now)
  }

  at(time: number, run: () => void): Timer {
    const entry: Entry = { time, order: this.#order++, run }
    if (time !== Infinity) this.#push(entry)
    return { cancel: () => void (entry.run = null) }
  }

  soon(run: () => void): void {
    this.#soon.push(run)
  }

  /** When the next timer is due, or Infinity. */
  next(): number {
    while (this.#heap[0] !== undefined && this.#heap[0].run === null) this.#pop()
    return this.#heap[0]?.time ?? Infinity
  }

  /** Lets promises and `soon` callbacks run until nothing is left to do without time. */
  async settle(): Promise<void> {
    await turn()
    while (this.#soon.length > 0) {
      const batch = this.#soon
      this.#soon = []
      for (const run of batch) {
        this.#count()
        run()
        await turn()
      }
    }
  }

  /** Moves time on by `ms`, running all that falls due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.settle()
    while (this.next() <= end) await this.#step()
    this.#move(end)
  }

  /** Moves time on until `promise` is settled, and gives its outcome; fails when `limitMs` pass or nothing is left that could happen. */
  async until<T>(promise: Promise<T>, limitMs = 600_000): Promise<T> {
    const end = this.#now + limitMs
    const pending = { still: true }
    const close = (): void => void (pending.still = false)
    promise.then(close, close)
    await this.settle()
    while (pending.still) {
      const next = this.next()
      if (next === Infinity)
        throw new Error(`at ${this.#now} ms nothing is left to happen, and the promise is still pending`)
      if (next > end) throw new Error(`the promise is still pending after ${limitMs} ms`)
      await this.#step()
    }
    return promise
  }

  async #step(): Promise<void> {
    const entry = this.#pop()
    if (entry?.run === null || entry === undefined) return
    this.#move(entry.time)
    this.#count()
    const run = entry.run
    entry.run = null
    run()
    await this.settle()
  }

  #move(time: number): void {
    if (time <= this.#now) return
    this.#now = time
    this.#sinceMoved = 0
  }

  #count(): void {
    if (++this.#sinceMoved > STUCK_AFTER)
      throw new Error(`time stands still at ${this.#now} ms: ${STUCK_AFTER} callbacks`)
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}

const before = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)

/** A turn of the real event loop: every promise that can go on without waiting has then gone on. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
