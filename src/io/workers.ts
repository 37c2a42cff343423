// Work off the event loop, in threads of our own: Node's shared pool serves files and names too, and a few hung file calls would
// stop every signature there. One thread does nothing but identity work, so that a signature never waits behind a chunk; the
// others take identity work first, the earliest deadline before all, and chunks when there is none.
import { availableParallelism } from 'node:os'
import { Deadlines } from '../core/deadlines.ts'
import type { Work, WorkDone } from '../core/ports.ts'
import { systemClock } from './clock.ts'
import { keyName } from './perform.ts'
import type { Job, Workers } from './ports.ts'
import { WorkerThread } from './worker-thread.ts'

/** How many threads there are and how much may wait for them. */
export interface WorkersOptions {
  /** Threads that do chunks too, beside the one for identity work alone; one core is left to the event loop. */
  readonly sharedThreads?: number
  /** Identity jobs waiting; above it a job fails at once. 4,096 signatures are 6 seconds of one core. */
  readonly identityQueueMax?: number
  /** Chunk jobs waiting; each holds up to 4 MiB. */
  readonly chunkQueueMax?: number
  /** The thread's program; tests give one that dies. */
  readonly entry?: URL
}

/** Jobs posted ahead to the identity thread: with one, it would idle for a turn of the event loop between two. */
const IDENTITY_AHEAD = 3

/** Workers over worker_threads. The identity thread starts at once, the others when needed; idle ones let the process end. */
export const createWorkers = (options: WorkersOptions = {}): Workers => new ThreadPool(options)

interface Waiting {
  readonly job: Job
  /** When it was asked for. */
  readonly asked: number
}

class ThreadPool implements Workers {
  readonly #identityQueueMax: number
  readonly #chunkQueueMax: number
  readonly #reserved: WorkerThread
  readonly #shared: readonly WorkerThread[]
  /** Bounded by identityQueueMax. */
  readonly #identityQueue = new Deadlines<Waiting>()
  /** Bounded by chunkQueueMax. */
  readonly #chunkQueue: Waiting[] = []
  /** Identity jobs not answered yet, in the order they were asked for. Bounded by identityQueueMax, the threads and IDENTITY_AHEAD. */
  readonly #identityJobs = new Set<Waiting>()
  #closing: Promise<void> | null = null

  constructor(options: WorkersOptions) {
    const { entry } = options
    const shared = options.sharedThreads ?? Math.max(1, availableParallelism() - 2)
    this.#identityQueueMax = options.identityQueueMax ?? 4096
    this.#chunkQueueMax = options.chunkQueueMax ?? 256
    this.#reserved = new WorkerThread('sallyport identity', entry)
    this.#shared = Array.from({ length: shared }, (_, i) => new WorkerThread(`sallyport shared ${i + 1}`, entry))
    this.#reserved.start()
  }

  run(job: Job): void {
    const forIdentity = isIdentityWork(job.work)
    const full = forIdentity
      ? this.#identityQueue.size >= this.#identityQueueMax
      : this.#chunkQueue.length >= this.#chunkQueueMax
    if (this.#closing !== null) return fail(job, 'the workers are closed')
    if (full) return fail(job, 'too much work is waiting', { full: true })
    const waiting = { job, asked: systemClock.now() }
    if (forIdentity) {
      // With no deadline at all it would not be in their order.
      this.#identityQueue.set(waiting, Math.min(job.deadline ?? waiting.asked, Number.MAX_VALUE))
      this.#identityJobs.add(waiting)
    } else this.#chunkQueue.push(waiting)
    this.#dispatch()
  }

  /** Counts what a thread has been given too: to whoever waits it is the same. */
  lateness(): number {
    const [longest] = this.#identityJobs
    return longest === undefined ? 0 : systemClock.now() - longest.asked
  }

  depth(): number {
    return this.#identityJobs.size
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    for (const { job } of this.#chunkQueue.splice(0)) fail(job, 'the workers are closed')
    for (let next = this.#identityQueue.due(Infinity); next !== null; next = this.#identityQueue.due(Infinity)) {
      this.#identityJobs.delete(next)
      fail(next.job, 'the workers are closed')
    }
    await Promise.all([this.#reserved, ...this.#shared].map((thread) => thread.end()))
  }

  #dispatch(): void {
    while (this.#identityQueue.size > 0) {
      const thread = this.#identityThread()
      if (thread === null) break
      this.#post(thread, this.#identityQueue.due(Infinity))
    }
    while (this.#chunkQueue.length > 0) {
      const thread = this.#shared.find(({ busy }) => busy === 0)
      if (thread === undefined) break
      this.#post(thread, this.#chunkQueue.shift() ?? null)
    }
  }

  /** Threads in the order of how soon they would be done; one that has to be started first comes last. */
  #identityThread(): WorkerThread | null {
    if (this.#reserved.busy === 0) return this.#reserved
    const idle = this.#shared.filter(({ busy }) => busy === 0)
    const running = idle.find(({ running }) => running)
    if (running !== undefined) return running
    return this.#reserved.busy < IDENTITY_AHEAD ? this.#reserved : (idle[0] ?? null)
  }

  /** Gives a job to a thread; when the thread cannot be had, the job fails rather than wait for nothing. */
  #post(thread: WorkerThread, waiting: Waiting | null): void {
    if (waiting === null) return
    const { job } = waiting
    const answer = (result: WorkDone): void => {
      this.#identityJobs.delete(waiting)
      if (this.#closing === null) this.#dispatch()
      job.done(result)
    }
    const wanted = job.wanted === undefined || job.wanted()
    if (wanted && this.#handOver(thread, job, answer)) return
    this.#identityJobs.delete(waiting)
    fail(job, wanted ? 'no worker could be started' : 'nobody waits for it')
  }

  #handOver(thread: WorkerThread, job: Job, answer: (result: WorkDone) => void): boolean {
    const { work, transfer } = pack(job.work)
    const owner = work.kind === 'sign' ? job.identity : null
    const signer = owner === null ? null : { name: keyName(owner), privateKey: cut(owner.privateKey) }
    try {
      return thread.post({ message: { work, signer }, transfer, answer })
    } catch {
      // Memory that cannot leave this thread, or none left for another one.
      return false
    }
  }
}

const isIdentityWork = ({ kind }: Work): boolean => kind === 'sign' || kind === 'verify' || kind === 'verify-chain'

/** In a later turn, as every other answer. */
const fail = ({ work, done }: Job, reason: string, more: { readonly full?: true } = {}): void => {
  setImmediate(() => done({ id: work.id, kind: 'failed', reason, ...more }))
}

/** A message, and the memory that goes over with it instead of being copied. */
interface Parcel {
  readonly work: Work
  readonly transfer: readonly ArrayBuffer[]
}

/** A message takes the whole buffer behind a view along, so small views are cut out of what may be a large buffer first. */
const pack = (work: Work): Parcel => {
  switch (work.kind) {
    case 'sign':
      return { work: { ...work, content: cut(work.content) }, transfer: [] }
    case 'verify': {
      const { key, content, signature } = work
      return { work: { ...work, key: cut(key), content: cut(content), signature: cut(signature) }, transfer: [] }
    }
    case 'verify-chain': {
      const { chain, content, signature } = work
      const cuts = { chain: chain.map(cut), content: cut(content), signature: cut(signature) }
      return { work: { ...work, ...cuts }, transfer: [] }
    }
    case 'seal-chunk': {
      const plaintext = whole(work.plaintext)
      return { work: { ...work, plaintext, context: cut(work.context) }, transfer: [plaintext.buffer] }
    }
    case 'open-chunk': {
      const stored = whole(work.stored)
      const { address, contentHash, context } = work
      const cuts = { address: cut(address), contentHash: cut(contentHash), context: cut(context) }
      return { work: { ...work, stored, ...cuts }, transfer: [stored.buffer] }
    }
    case 'hash-chunk': {
      const stored = whole(work.stored)
      return { work: { ...work, stored }, transfer: [stored.buffer] }
    }
  }
}

const cut = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes)

/** A chunk that is all of its buffer is handed over as it is; of part of a buffer, others may need the rest. */
const whole = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
    ? (bytes as Uint8Array<ArrayBuffer>)
    : Uint8Array.from(bytes)
