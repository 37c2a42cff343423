// Workers without threads: the real computations, done in the test's own thread, answered after a time of the fake clock.
import type { Work, WorkDone } from '../../src/core/ports.ts'
import { loadBlake3 } from '../../src/io/blake3.ts'
import { createPerform, type Perform } from '../../src/io/perform.ts'
import type { Job, Workers } from '../../src/io/ports.ts'
import type { FakeClock } from './fake-clock.ts'

/** How slow the workers are, by the work; may be changed at any time. Infinity: the work is never done. */
export interface InlineWorkersOptions {
  readonly delayMs?: (work: Work) => number
  /** Jobs in progress; above it a job fails at once. */
  readonly jobsMax?: number
}

/** Workers on a fake clock: as many as there are jobs, each job after its own delay (0 by default, yet in a later turn). */
export const createInlineWorkers = async (
  clock: FakeClock,
  options: InlineWorkersOptions = {},
): Promise<InlineWorkers> => new InlineWorkers(clock, createPerform(await loadBlake3()), options)

interface Waiting {
  readonly job: Job
  readonly asked: number
}

/** See `createInlineWorkers`. */
export class InlineWorkers implements Workers {
  delayMs: (work: Work) => number
  /** Jobs asked for so far, by kind. */
  readonly asked = { sign: 0, verify: 0, 'verify-chain': 0, 'seal-chunk': 0, 'open-chunk': 0, 'hash-chunk': 0 }
  readonly #clock: FakeClock
  readonly #perform: Perform
  readonly #jobsMax: number
  /** Oldest first. Bounded by jobsMax. */
  readonly #jobs = new Set<Waiting>()
  #closed = false

  constructor(clock: FakeClock, perform: Perform, options: InlineWorkersOptions) {
    this.#clock = clock
    this.#perform = perform
    this.delayMs = options.delayMs ?? (() => 0)
    this.#jobsMax = options.jobsMax ?? 4096
  }

  run(job: Job): void {
    const { work, identity, done } = job
    this.asked[work.kind]++
    const reason = this.#closed
      ? 'the workers are closed'
      : this.#jobs.size >= this.#jobsMax
        ? 'too much work is waiting'
        : null
    const full = this.#closed ? {} : ({ full: true } as const)
    if (reason !== null) return this.#clock.soon(() => done({ id: work.id, kind: 'failed', reason, ...full }))
    const waiting = { job, asked: this.#clock.now() }
    this.#jobs.add(waiting)
    // Done now, answered later: the caller may reuse what it did not hand over.
    const result = this.#perform(work, identity)
    this.#clock.at(this.#clock.now() + this.delayMs(work), () => this.#answer(waiting, result))
  }

  lateness(): number {
    for (const { job, asked } of this.#jobs) {
      if (job.work.kind === 'sign' || job.work.kind === 'verify') return this.#clock.now() - asked
    }
    return 0
  }

  depth(): number {
    return [...this.#jobs].filter(({ job: { work } }) => work.kind === 'sign' || work.kind === 'verify').length
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const waiting of this.#jobs) {
      const { id } = waiting.job.work
      this.#clock.soon(() => this.#answer(waiting, { id, kind: 'failed', reason: 'the workers are closed' }))
    }
  }

  #answer(waiting: Waiting, result: WorkDone): void {
    if (this.#jobs.delete(waiting)) waiting.job.done(result)
  }
}
