// One worker thread seen from outside: started when first needed, started again when it died, with its jobs in progress. What a
// dead thread had in hand is answered `failed`; the thread holds the process open only while it has something in hand.
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { WorkDone } from '../core/ports.ts'
import { systemClock } from './clock.ts'
import type { JobMessage } from './worker.ts'

// Not written as one literal: a published build has worker.js beside this file, a checkout worker.ts.
const ENTRY = new URL(`./worker${extname(import.meta.filename)}`, import.meta.url)

/** A thread that dies more often than this in a minute is left dead for the rest of it. */
const STARTS_PER_MINUTE = 10
const MINUTE_MS = 60_000

/** A job given to a thread; `answer` is called once. */
export interface ThreadJob {
  readonly message: JobMessage
  readonly transfer: readonly ArrayBuffer[]
  readonly answer: (result: WorkDone) => void
}

/** A thread and its jobs, which it does in order. */
export class WorkerThread {
  readonly #name: string
  readonly #entry: URL
  #worker: Worker | null = null
  /** In the order they were posted. Bounded by the pool, which gives a thread few at a time. */
  #jobs: ThreadJob[] = []
  /** When the last starts were. Bounded by STARTS_PER_MINUTE. */
  #starts: number[] = []

  constructor(name: string, entry = ENTRY) {
    this.#name = name
    this.#entry = entry
  }

  /** Jobs posted and not answered. */
  get busy(): number {
    return this.#jobs.length
  }

  /** Started, and not dead. */
  get running(): boolean {
    return this.#worker !== null
  }

  /** Starts the thread if it is not running; false when it died too often lately. */
  start(): boolean {
    if (this.#worker !== null) return true
    const now = systemClock.now()
    this.#starts = this.#starts.filter((time) => now - time < MINUTE_MS)
    if (this.#starts.length >= STARTS_PER_MINUTE) return false
    this.#starts.push(now)
    const worker = new Worker(this.#entry, { name: this.#name, execArgv: [] })
    worker.on('message', (result: WorkDone) => this.#answered(worker, result))
    // An error is always followed by `exit`, where the jobs are answered; without a listener it would end the process.
    worker.on('error', () => {})
    worker.on('exit', () => this.#exited(worker))
    worker.unref()
    this.#worker = worker
    return true
  }

  /** Hands over a job; false when there is no thread to take it, and then `answer` is not called. */
  post(job: ThreadJob): boolean {
    if (!this.start() || this.#worker === null) return false
    this.#worker.postMessage(job.message, [...job.transfer])
    this.#jobs.push(job)
    this.#worker.ref()
    return true
  }

  /** Ends the thread; what it had in hand is answered `failed`. */
  async end(): Promise<void> {
    await this.#worker?.terminate()
  }

  #answered(worker: Worker, result: WorkDone): void {
    if (worker !== this.#worker) return
    const job = this.#jobs.shift()
    if (this.#jobs.length === 0) worker.unref()
    job?.answer(result)
  }

  #exited(worker: Worker): void {
    if (worker !== this.#worker) return
    this.#worker = null
    const jobs = this.#jobs
    this.#jobs = []
    for (const { message, answer } of jobs) answer({ id: message.work.id, kind: 'failed', reason: 'the worker died' })
  }
}
