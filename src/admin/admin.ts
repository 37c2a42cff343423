// The window into a node, or into a test network: an HTTP server in a thread of its own, which is fed a reading each second. Whoever asks, however
// often, has that thread's time and memory and not the node's; when it dies it is started again, and the node goes on without it meanwhile.
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { SallyportError } from '../index.ts'
import { formatBind } from './bind.ts'
import { Feed, type Feeding, type FeedPorts, READ_EVERY_MS } from './feed.ts'
import { NetworkFeed, type ToNetworkAdmin } from './network-feed.ts'
import type { WatchedNetwork } from './network-reading.ts'
import { type AdminOptions, checkAdmin, type CheckedAdmin } from './options.ts'
import type { FromAdmin, Stage, ToAdmin, Watched } from './reading.ts'

// Not written as one literal: a published build has worker.js beside this file, a checkout worker.ts.
const entry = (name: string): URL => new URL(`./${name}${extname(import.meta.filename)}`, import.meta.url)

/** A thread that dies more often than this in a minute is left dead. */
const STARTS_PER_MINUTE = 5
const MINUTE_MS = 60_000

/** Megabytes of memory that the thread may take: readings of 10,000 connections take a tenth. */
const MEMORY_MB = 256

/** What a window has besides its options. */
export interface AdminParts {
  /** Told when it is gone for good. */
  readonly lost?: (reason: string) => void
  /** The thread's program; tests give one that dies. */
  readonly entry?: URL
}

type StartedParts = AdminParts & { readonly entry: URL }

/** Opens a window into a node; rejects with ARGUMENT_INVALID or BIND_FAILED. */
export const openAdmin = (watched: Watched, options: AdminOptions, parts: AdminParts = {}): Promise<Admin> =>
  opened((ports: FeedPorts<ToAdmin>) => new Feed(watched, ports), options, { entry: entry('worker'), ...parts })

/** Opens a window into a test network; rejects as `openAdmin` does. */
export const openNetworkAdmin = (
  watched: WatchedNetwork,
  options: AdminOptions,
  parts: AdminParts = {},
): Promise<Admin> =>
  opened((ports: FeedPorts<ToNetworkAdmin>) => new NetworkFeed(watched, ports), options, {
    entry: entry('network-worker'),
    ...parts,
  })

const opened = async <Message extends object>(
  feed: (ports: FeedPorts<Message>) => Feeding,
  options: AdminOptions,
  parts: StartedParts,
): Promise<Admin> => {
  const admin = new Admin((ports) => feed(ports), checkAdmin(options), parts)
  try {
    await admin.listening
  } catch (error) {
    await admin.close()
    throw error
  }
  return admin
}

/** An open window; use `openAdmin` or `openNetworkAdmin`. */
export class Admin implements AsyncDisposable {
  /** Settles once it listens, or cannot. */
  readonly listening: Promise<void>
  readonly #settle: PromiseWithResolvers<void>
  readonly #parts: StartedParts
  readonly #feed: Feeding
  readonly #timer: NodeJS.Timeout
  #options: CheckedAdmin
  #worker: Worker
  /** Bounded by STARTS_PER_MINUTE. */
  #starts: number[] = []
  #stage: 'joining' | 'joined' | 'closing' = 'joining'
  #closed = false

  constructor(feed: (ports: FeedPorts<object>) => Feeding, options: CheckedAdmin, parts: StartedParts) {
    this.#options = options
    this.#parts = parts
    this.#settle = Promise.withResolvers()
    this.listening = this.#settle.promise
    this.#feed = feed({ post: (message) => this.#worker.postMessage(message), soon: (run) => void setImmediate(run) })
    this.#worker = this.#start()
    this.#timer = setInterval(() => this.#feed.tick(), READ_EVERY_MS)
  }

  /** Where it is asked. */
  get url(): string {
    return `${this.#options.tls === null ? 'http' : 'https'}://${formatBind(this.#options.bind)}`
  }

  /** The node has joined its network, or starts one, or the network is formed: from now on it is ready. */
  joined(): void {
    this.#enter('joined')
  }

  /** The node is about to close: from now on it is not ready. */
  leaving(): void {
    this.#enter('closing')
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#worker.terminate()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #start(): Worker {
    this.#starts.push(performance.now())
    const worker = new Worker(this.#parts.entry, {
      name: 'sallyport admin',
      workerData: this.#options,
      // That types are taken off is new in Node, and said once in each thread.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // Nothing that the environment may hold is needed there.
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
    })
    worker.on('message', (message: FromAdmin) => this.#heard(message))
    // An error is always followed by `exit`; without a listener it would end the process.
    worker.on('error', (error) => this.#settle.reject(SallyportError.from(error)))
    worker.on('exit', () => this.#exited())
    return worker
  }

  #heard(message: FromAdmin): void {
    switch (message.kind) {
      case 'took':
        return this.#feed.took()
      case 'failed':
        this.#settle.reject(failure(this.#options, message))
        return void this.#worker.terminate()
      case 'listening':
        // One that is started again takes the same port.
        this.#options = { ...this.#options, bind: { ...this.#options.bind, port: message.port } }
        if (this.#stage !== 'joining') this.#post({ kind: this.#stage })
        this.#feed.tick()
        return this.#settle.resolve()
    }
  }

  #exited(): void {
    if (this.#closed) return
    const now = performance.now()
    this.#starts = this.#starts.filter((time) => now - time < MINUTE_MS)
    this.#settle.reject(new SallyportError('INTERNAL', 'the admin server could not be started'))
    this.#feed.anew()
    if (this.#starts.length < STARTS_PER_MINUTE) this.#worker = this.#start()
    else {
      clearInterval(this.#timer)
      this.#parts.lost?.(`the admin server at ${this.url} ended ${STARTS_PER_MINUTE} times in a minute and is left so`)
    }
  }

  #enter(stage: 'joined' | 'closing'): void {
    this.#stage = stage
    this.#post({ kind: stage })
  }

  #post(message: Stage): void {
    this.#worker.postMessage(message)
  }
}

const failure = ({ bind }: CheckedAdmin, { code, message }: { code: string; message: string }): SallyportError =>
  /^E(ADDR|ACCES)/.test(code)
    ? new SallyportError('BIND_FAILED', `admin: ${formatBind(bind)} cannot be listened at: ${message}`)
    : new SallyportError('ARGUMENT_INVALID', `admin: the certificate or its key cannot be used: ${message}`)
