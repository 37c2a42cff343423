// The one line of time of a world: what happens, in order of its time and then of its setting, and nothing in between. Between one happening
// and the next every promise that can go on goes on, so that code written with promises runs in virtual time too. Nobody waits for
// real time: how long an hour takes depends on how much happens in it.
import type { Timer } from '../io/ports.ts'

/** Happenings asked of the real event loop at once: alone, each would cost a whole turn of it. */
const STEPS_AHEAD = 64

/** Something that will happen; cancelling it twice, or after it happened, does nothing. */
export class Happening implements Timer {
  readonly time: number
  readonly order: number
  run: (() => void) | null

  constructor(time: number, order: number, run: () => void) {
    this.time = time
    this.order = order
    this.run = run
  }

  cancel(): void {
    this.run = null
  }
}

/** Virtual time in fractional milliseconds, from 0 on. */
export class Timeline {
  /** A binary heap by time, then order. Cancelled ones stay until their time. Bounded by what those who live in this time set. */
  readonly #heap: Happening[] = []
  /** Their times, in the same places: most comparisons need nothing else. */
  #times = new Float64Array(1024)
  /** Before all others: what goes on at once need not go through the heap. */
  #front: Happening | null = null
  #now = 0
  #order = 0
  #sinceMoved = 0
  #steps = 0
  readonly #stuckAfter: number

  /** Happenings without time moving on before it is taken for a loop that never ends. */
  constructor(stuckAfter = 1_000_000) {
    this.#stuckAfter = stuckAfter
  }

  get now(): number {
    return this.#now
  }

  /** Happenings so far. */
  get steps(): number {
    return this.#steps
  }

  /** Lets `run` happen at a time, or now when that is past; at Infinity never. */
  at(time: number, run: () => void): Happening {
    const happening = new Happening(Math.max(time, this.#now), this.#order++, run)
    if (time !== Infinity) this.#push(happening)
    return happening
  }

  /** When something happens next, or Infinity. */
  get next(): number {
    let first = this.#front ?? this.#heap[0]
    while (first !== undefined && first.run === null) {
      this.#pop()
      first = this.#front ?? this.#heap[0]
    }
    return first?.time ?? Infinity
  }

  /** Lets the next thing happen; false when there is none up to `until`. Promises go on only once the caller has returned to the event loop. */
  step(until = Infinity): boolean {
    if (this.next > until) return false
    const happening = this.#pop()
    if (happening?.run === null || happening === undefined) return false
    this.moveTo(happening.time)
    this.#steps++
    this.count()
    const { run } = happening
    happening.run = null
    run()
    return true
  }

  /** Notes that something happened without time moving on; throws when that goes on for ever. */
  count(): void {
    if (++this.#sinceMoved <= this.#stuckAfter) return
    throw new Error(`time stands still at ${this.#now} ms: ${this.#stuckAfter} callbacks`)
  }

  /** Moves time on, past nothing that has still to happen. */
  moveTo(time: number): void {
    if (time <= this.#now) return
    this.#now = time
    this.#sinceMoved = 0
  }

  /** Lets everything happen up to a time, or until `over` says so; rejects with what a happening throws. */
  play(until: number, over: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      let ended = false
      const end = (settle: () => void): void => {
        ended = true
        settle()
      }
      const step = (isLast: boolean): void => {
        if (ended) return
        try {
          if (over()) return end(resolve)
          if (!this.step(until)) {
            if (until !== Infinity) this.moveTo(until)
            return end(resolve)
          }
          if (isLast) ahead()
        } catch (error) {
          end(() => reject(error instanceof Error ? error : new Error(String(error))))
        }
      }
      const ahead = (): void => {
        for (let n = 1; n <= STEPS_AHEAD; n++) setImmediate(step, n === STEPS_AHEAD)
      }
      ahead()
    })
  }

  /** Moves time on until a promise is settled, and gives its outcome; rejects when `limitMs` pass or nothing is left that could happen. */
  async until<Result>(promise: Promise<Result>, limitMs = 600_000): Promise<Result> {
    const end = this.#now + limitMs
    const pending = { still: true }
    const settled = (): void => void (pending.still = false)
    promise.then(settled, settled)
    await this.play(end, () => !pending.still || this.next > end)
    if (pending.still) {
      const left = this.next === Infinity ? 'nothing is left to happen, and' : `${limitMs} ms have passed, and`
      throw new Error(`at ${this.#now} ms ${left} the promise is still pending`)
    }
    return promise
  }

  #push(happening: Happening): void {
    const first = this.#front ?? this.#heap[0]
    if (first !== undefined && !before(happening, first)) return this.#sink(happening)
    if (this.#front !== null) this.#sink(this.#front)
    this.#front = happening
  }

  #sink(happening: Happening): void {
    const heap = this.#heap
    const { time, order } = happening
    let at = heap.push(happening) - 1
    if (at >= this.#times.length) this.#grow()
    const times = this.#times
    while (at > 0) {
      const parent = (at - 1) >> 1
      const aboveAt = times[parent] ?? 0
      const above = heap[parent]
      if (above === undefined || aboveAt < time || (aboveAt === time && above.order < order)) break
      heap[at] = above
      times[at] = aboveAt
      at = parent
    }
    heap[at] = happening
    times[at] = time
  }

  #grow(): void {
    const times = new Float64Array(2 * this.#times.length)
    times.set(this.#times)
    this.#times = times
  }

  #pop(): Happening | undefined {
    const front = this.#front
    this.#front = null
    if (front !== null) return front
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    const times = this.#times
    const { time, order } = last
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      let leastAt = times[child] ?? 0
      let least = heap[child]
      const other = heap[child + 1]
      const otherAt = times[child + 1] ?? 0
      if (
        other !== undefined &&
        least !== undefined &&
        (otherAt < leastAt || (otherAt === leastAt && other.order < least.order))
      ) {
        least = other
        leastAt = otherAt
        child++
      }
      if (least === undefined || leastAt > time || (leastAt === time && least.order > order)) break
      heap[at] = least
      times[at] = leastAt
      at = child
    }
    heap[at] = last
    times[at] = time
    return top
  }
}

const before = (a: Happening, b: Happening): boolean => a.time < b.time || (a.time === b.time && a.order < b.order)
