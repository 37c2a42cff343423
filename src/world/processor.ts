// The event loop of one virtual process: callbacks run one after another, each takes the virtual time that its work costs, and what comes
// meanwhile waits. So a busy loop makes timers late and lets receive buffers overflow, as a real one does.
//
//   turn: up to 32 of what has come (datagrams, timers, results), then everything that was asked for `soon` before
import type { Happening, Timeline } from './timeline.ts'

/** Callbacks for what has come in one turn before what was asked for `soon`: as many datagrams as the system hands over at once. */
const ARRIVALS_PER_TURN = 32

/** One core of one process. */
export class Processor {
  readonly #timeline: Timeline
  readonly #callbackMs: number
  /** What has come and waits. Bounded by the receive buffers of its sockets, its timers and its calls. */
  #inbox: (() => void)[] = []
  #taken = 0
  #inTurn = 0
  /** Asked for `soon`, and what of it is being run. Bounded by what one turn asks for. */
  #soon: (() => void)[] = []
  #batch: (() => void)[] = []
  #batchTaken = 0
  /** Told together that their datagrams are with the system. Bounded by the senders' buffers. */
  #sent: (() => void)[] = []
  #resuming: Happening | null = null
  #busyUntil = 0
  #running = false
  #ended = false
  /** How many times longer everything takes than the table says. */
  slowness = 1
  /** Milliseconds of work so far. */
  workedMs = 0

  constructor(timeline: Timeline, callbackMs: number) {
    this.#timeline = timeline
    this.#callbackMs = callbackMs
  }

  /** What time it is for the code that runs here, on the scale of the world: work done in this turn has taken its time already. */
  get now(): number {
    return Math.max(this.#timeline.now, this.#busyUntil)
  }

  /** Work was done: it takes its time. */
  charge(ms: number): void {
    const taken = ms * this.slowness
    this.workedMs += taken
    this.#busyUntil = this.now + taken
  }

  /** Nothing runs for so long. */
  freeze(ms: number): void {
    this.#busyUntil = this.now + ms
    this.#resume()
  }

  /** Something has come: its callback runs when the loop comes to it. */
  post(callback: () => void): void {
    if (this.#ended) return
    this.#inbox.push(callback)
    this.#wake()
  }

  /** As `post`, from a happening of its own: an idle loop runs it at once. */
  interrupt(callback: () => void): void {
    if (this.#ended) return
    if (this.#running || this.#resuming !== null || this.#busyUntil > this.#timeline.now) return this.post(callback)
    this.#inTurn++
    this.#run(callback)
    this.#resume()
  }

  soon(callback: () => void): void {
    if (this.#ended) return
    this.#soon.push(callback)
    this.#wake()
  }

  /** A datagram was handed to the system, whose owner wants to know. */
  sent(callback: () => void): void {
    if (this.#sent.push(callback) > 1) return
    this.post(() => {
      const sent = this.#sent
      this.#sent = []
      for (const tell of sent) tell()
    })
  }

  /** The process is gone: nothing runs here any more. */
  end(): void {
    this.#ended = true
    this.#resuming?.cancel()
    this.#resuming = null
    this.#inbox = this.#soon = this.#batch = this.#sent = []
    this.#taken = this.#batchTaken = 0
  }

  get #isIdle(): boolean {
    return this.#inbox.length === this.#taken && this.#soon.length === 0 && this.#batch.length === this.#batchTaken
  }

  #wake(): void {
    if (!this.#running) this.#resume()
  }

  #resume(): void {
    if (this.#ended || this.#resuming !== null || this.#isIdle) return
    this.#resuming = this.#timeline.at(this.now, this.#step)
  }

  readonly #step = (): void => {
    this.#resuming = null
    if (this.#busyUntil > this.#timeline.now) return this.#resume()
    const callback = this.#next()
    if (callback !== null) this.#run(callback)
    this.#resume()
  }

  #run(callback: () => void): void {
    this.charge(this.#callbackMs)
    this.#running = true
    try {
      callback()
    } finally {
      this.#running = false
    }
  }

  #next(): (() => void) | null {
    const asked = this.#batch[this.#batchTaken]
    if (asked !== undefined) {
      this.#batchTaken++
      return asked
    }
    const come = this.#inTurn < ARRIVALS_PER_TURN ? this.#inbox[this.#taken] : undefined
    if (come !== undefined) {
      this.#inTurn++
      this.#take()
      return come
    }
    this.#inTurn = 0
    this.#batchTaken = 0
    this.#batch = this.#soon
    this.#soon = []
    return this.#isIdle ? null : this.#next()
  }

  #take(): void {
    this.#taken++
    if (this.#taken < this.#inbox.length && this.#taken < 1024) return
    this.#inbox = this.#inbox.slice(this.#taken)
    this.#taken = 0
  }
}
