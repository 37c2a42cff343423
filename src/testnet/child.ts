// A child process that answers requests over its IPC channel, seen from its parent. What it is asked is answered, or rejects: with the
// child's own error, or with TESTNET_FAILED once the child is gone. A child outlives neither its parent nor `end`.
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { SallyportError } from '../index.ts'
import type { ErrorCode } from '../index.ts'

/** What a child sends back for one request. */
export interface Reply {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly code: ErrorCode; readonly message: string }
}

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: SallyportError) => void
}

/** How long a child may take to end by itself before it is killed. */
const END_TIMEOUT_MS = 8_000

/** One child process and the requests it has not answered yet. */
export class Child {
  readonly #process: ChildProcess
  /** Bounded by what the parent asks at once. */
  readonly #pending = new Map<number, Pending>()
  readonly #died = Promise.withResolvers<never>()
  readonly #exited: Promise<void>
  #requests = 0
  #ending = false

  /** Starts `module`, which calls `serve`, with the running Node and `words` as its arguments. */
  constructor(module: URL, words: readonly string[] = []) {
    this.#process = fork(module, words, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#died.promise.catch(() => {})
    this.#process.on('message', (reply) => this.#settle(reply as Reply))
    this.#exited = new Promise((resolve) => {
      this.#process.on('error', (error) => {
        this.#lost(error.message)
        // One that never started does not exit either.
        if (this.#process.pid === undefined) resolve()
      })
      this.#process.once('exit', (code, signal) => {
        this.#lost(signal === null ? `exit code ${code}` : signal)
        resolve()
      })
    })
  }

  /** The system's number of the process. */
  get pid(): number {
    return this.#process.pid ?? -1
  }

  /** Rejects with TESTNET_FAILED when the child ends without having been asked to; otherwise never settles. */
  get died(): Promise<never> {
    return this.#died.promise
  }

  /** Asks one thing; `Result` is what the child's `serve` answers such a request with. */
  request<Result>(request: object): Promise<Result> {
    const id = ++this.#requests
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#pending.set(id, { resolve, reject })
    this.#process.send({ id, request }, (error) => {
      if (error !== null) this.#settle({ id, error: { code: 'TESTNET_FAILED', message: error.message } })
    })
    return promise as Promise<Result>
  }

  /** Lets the child end by itself, kills it when it does not, and resolves once it is gone. */
  async end(): Promise<void> {
    this.#ending = true
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), END_TIMEOUT_MS)
    await this.#exited
    clearTimeout(timer)
  }

  /** Ends the child as a crash would, without a word to anybody, and resolves once it is gone. */
  async kill(): Promise<void> {
    this.#ending = true
    this.#process.kill('SIGKILL')
    await this.#exited
  }

  #settle({ id, result, error }: Reply): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (error === undefined) pending?.resolve(result)
    else pending?.reject(new SallyportError(error.code, error.message))
  }

  #lost(how: string): void {
    const error = new SallyportError('TESTNET_FAILED', `a process of the test ended unexpectedly: ${how}`)
    if (!this.#ending) this.#died.reject(error)
    for (const { reject } of this.#pending.values()) reject(error)
    this.#pending.clear()
  }
}
