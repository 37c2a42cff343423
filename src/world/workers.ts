// The Workers port of one virtual process: threads of virtual time, in the order of the real ones. One does nothing but identity work, the
// others take that first and chunks when there is none; of identity work the earliest deadline goes first.
import { Deadlines } from '../core/deadlines.ts'
import type { Work, WorkDone } from '../core/ports.ts'
import type { Job, Workers } from '../io/ports.ts'
import type { Costs } from './costs.ts'
import type { Perform } from './cryptography.ts'
import type { Held } from './held.ts'
import type { Processor } from './processor.ts'
import type { Timeline } from './timeline.ts'

/** As of the real ones. */
const IDENTITY_QUEUE_MAX = 4096
const CHUNK_QUEUE_MAX = 256

/** What workers work with. */
export interface WorkersParts {
  readonly timeline: Timeline
  readonly processor: Processor
  readonly costs: Costs
  readonly perform: Perform
  readonly held: Held
  /** Threads that do chunks too. */
  readonly sharedThreads: number
  /** Told of each piece of work that was done. */
  readonly done: (kind: Work['kind']) => void
}

interface Waiting {
  readonly job: Job
  readonly asked: number
}

interface Thread {
  readonly forIdentityAlone: boolean
  busy: boolean
}

/** The workers of one process. */
export class VirtualWorkers implements Workers {
  readonly #parts: WorkersParts
  readonly #threads: readonly Thread[]
  /** Bounded by IDENTITY_QUEUE_MAX. */
  readonly #identityQueue = new Deadlines<Waiting>()
  /** Bounded by CHUNK_QUEUE_MAX. */
  readonly #chunkQueue: Waiting[] = []
  /** Identity jobs not answered yet, in the order they were asked for. Bounded by the queue and the threads. */
  readonly #identityJobs = new Set<Waiting>()
  #closed = false

  constructor(parts: WorkersParts) {
    this.#parts = parts
    const shared = Array.from({ length: parts.sharedThreads }, () => ({ forIdentityAlone: false, busy: false }))
    this.#threads = [{ forIdentityAlone: true, busy: false }, ...shared]
  }

  run(job: Job): void {
    const { processor, costs, held } = this.#parts
    processor.charge(costs.handOver)
    held.jobs++
    const forIdentity = isIdentityWork(job.work)
    const full = forIdentity
      ? this.#identityQueue.size >= IDENTITY_QUEUE_MAX
      : this.#chunkQueue.length >= CHUNK_QUEUE_MAX
    if (this.#closed) return this.#fail(job, 'the workers are closed')
    if (full) return this.#fail(job, 'too much work is waiting', { full: true })
    const waiting = { job: { ...job, work: own(job.work) }, asked: processor.now }
    if (forIdentity) {
      this.#identityQueue.set(waiting, job.deadline ?? waiting.asked)
      this.#identityJobs.add(waiting)
    } else this.#chunkQueue.push(waiting)
    this.#dispatch()
  }

  lateness(): number {
    const [longest] = this.#identityJobs
    return longest === undefined ? 0 : this.#parts.processor.now - longest.asked
  }

  depth(): number {
    return this.#identityJobs.size
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { job } of this.#chunkQueue.splice(0)) this.#fail(job, 'the workers are closed')
    for (let next = this.#identityQueue.due(Infinity); next !== null; next = this.#identityQueue.due(Infinity)) {
      this.#fail(next.job, 'the workers are closed')
    }
    for (const waiting of this.#identityJobs) this.#identityJobs.delete(waiting)
  }

  #dispatch(): void {
    for (const thread of this.#threads) {
      if (thread.busy) continue
      const waiting = this.#identityQueue.due(Infinity) ?? (thread.forIdentityAlone ? null : this.#chunkQueue.shift())
      if (waiting === null || waiting === undefined) continue
      this.#begin(thread, waiting)
    }
  }

  #begin(thread: Thread, waiting: Waiting): void {
    const { timeline, processor, perform, costs } = this.#parts
    const { job } = waiting
    if (job.wanted !== undefined && !job.wanted()) {
      this.#identityJobs.delete(waiting)
      this.#fail(job, 'nobody waits for it')
      return this.#dispatch()
    }
    thread.busy = true
    const ms = costOf(job.work, costs) * processor.slowness
    timeline.at(processor.now + ms, () => {
      thread.busy = false
      this.#parts.done(job.work.kind)
      this.#answer(job, perform(job.work, job.identity), waiting)
      if (!this.#closed) this.#dispatch()
    })
  }

  #answer(job: Job, result: WorkDone, waiting: Waiting | null): void {
    const { processor, costs, held } = this.#parts
    processor.post(() => {
      if (waiting !== null) this.#identityJobs.delete(waiting)
      processor.charge(costs.handOver)
      held.jobs--
      job.done(result)
    })
  }

  #fail(job: Job, reason: string, more: { readonly full?: true } = {}): void {
    this.#answer(job, { id: job.work.id, kind: 'failed', reason, ...more }, null)
  }
}

const isIdentityWork = (work: Work): boolean => work.kind === 'sign' || work.kind === 'verify'

/** Small inputs are copied as they would be into a thread; chunks are handed over. */
const own = (work: Work): Work => {
  switch (work.kind) {
    case 'sign':
      return { ...work, content: work.content.slice() }
    case 'verify':
      return { ...work, key: work.key.slice(), content: work.content.slice(), signature: work.signature.slice() }
    case 'verify-chain':
    case 'seal-chunk':
    case 'open-chunk':
    case 'hash-chunk':
      return work
  }
}

const costOf = (work: Work, { sign, verify, blake3Byte, sealByte }: Costs): number => {
  switch (work.kind) {
    case 'sign':
      return sign
    case 'verify':
    case 'verify-chain':
      return verify
    case 'seal-chunk':
      return work.plaintext.length * (2 * blake3Byte + sealByte)
    case 'open-chunk':
      return work.stored.length * (2 * blake3Byte + sealByte)
    case 'hash-chunk':
      return work.stored.length * blake3Byte
  }
}
