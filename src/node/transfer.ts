// What uploads and downloads are driven with: the surroundings they need, and the loop that feeds a machine of core/chunks with
// what happened, drains its outputs and keeps its one timer.
import type { ChunkAddress, PeerId } from '../core/ids.ts'
import type { Candidate } from '../core/chunks/closeness.ts'
import { SallyportError } from '../core/errors.ts'
import { silenceAnswer } from '../core/chunks/replies.ts'
import type { Reply } from '../core/chunks/replies.ts'
import type { Clock, Files, Identity, Timer, Timers, Tracing, Workers } from '../io/ports.ts'
import { UNTRACED } from './untraced.ts'

/** A request that came from a peer. */
export interface Asked {
  readonly peer: PeerId
  /** The 32 bytes it is about, or null. */
  readonly target: Uint8Array | null
  /** Given away. */
  readonly payload: Uint8Array
}

/** What goes with a request; `target` is the 32 bytes it is about. */
export interface AskOptions {
  readonly target?: Uint8Array
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** How requests travel; a TransportHandle that knows where peers are is one. */
export interface Exchange {
  /** Rejects with a SallyportError when no response came; aborting resets the stream. The payload is only read. */
  request(peer: PeerId, protocol: string, payload: Uint8Array, options: AskOptions): Promise<Reply>
  /** Answers the requests of one protocol until the function it returns is called. */
  handle(protocol: string, answer: (asked: Asked) => Promise<Reply>): () => void
}

/** How peers are found; the phonebook is behind it. */
export interface Routing {
  /** The peers closest to an address that answered, ourselves not among them. */
  lookup(address: ChunkAddress, options: { readonly signal: AbortSignal }): Promise<readonly PeerId[]>
  /** The peers we know closest to an address, without asking anybody. */
  closest(address: ChunkAddress, count: number): readonly PeerId[]
  /** The /24 or /48 a peer is in, or null where diversity is off. */
  network(peer: PeerId): string | null
  /** Calls `changed` whenever somebody joined or left the peers we know, until the function it returns is called. */
  watch(changed: () => void): () => void
}

/** What a transfer needs of its node. */
export interface Surroundings {
  readonly clock: Clock
  readonly timers: Timers
  readonly files: Files
  readonly workers: Workers
  readonly identity: Identity
  readonly exchange: Exchange
  readonly routing: Routing
  readonly tracing?: Tracing
}

/** A state machine of core/chunks. */
interface Machine<Output> {
  poll(): Output | null
  timerAt(now: number): number
  timeout(now: number): void
}

/** What any drive needs. */
type Around = Pick<Surroundings, 'clock' | 'timers' | 'tracing'>

/** Drives one machine until it is stopped: the first outcome given counts, and everything still running is cancelled. */
export class Drive<Output, Result> {
  readonly outcome: Promise<Result>
  readonly #machine: Machine<Output>
  readonly #surroundings: Around
  /** Whatever it is that wakes it, what it does belongs to the transfer. */
  readonly #here: (run: () => void) => void
  readonly #perform: (output: Output) => void
  readonly #settle: { resolve(result: Result): void; reject(error: unknown): void }
  /** Requests in progress by the machine's numbers; bounded by the machine. */
  readonly #requests = new Map<number, AbortController>()
  /** Ends lookups and file operations with the transfer. */
  readonly #end = new AbortController()
  /** File operations in progress; bounded by the machine. */
  readonly #operations = new Set<Promise<void>>()
  #timer: Timer | null = null
  #stopped = false

  constructor(machine: Machine<Output>, surroundings: Around, perform: (output: Output) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.outcome = promise
    this.#settle = { resolve, reject }
    this.#machine = machine
    this.#surroundings = surroundings
    this.#here = (surroundings.tracing ?? UNTRACED).here()
    this.#perform = perform
  }

  /** Gives the machine an input, unless the drive has ended, and carries out what it then wants. */
  give(input: (now: number) => void): void {
    if (this.#stopped) return
    this.#here(() => {
      try {
        input(this.#surroundings.clock.now())
        this.#drain()
      } catch (error) {
        this.fail(error)
      }
    })
  }

  /** Starts a lookup; it must not reject, and its signal is aborted when the drive ends. */
  look(find: (signal: AbortSignal) => Promise<(now: number) => void>): void {
    void find(this.#end.signal).then((input) => this.give(input), this.fail)
  }

  /** Starts a request under the machine's number; `ask` settles at last when its signal is aborted. */
  request(number: number, ask: (signal: AbortSignal) => Promise<(now: number) => void>): void {
    const controller = new AbortController()
    this.#requests.set(number, controller)
    void ask(controller.signal).then((input) => {
      if (this.#requests.delete(number)) this.give(input)
    }, this.fail)
  }

  /** Cancels a request: its answer is not given to the machine any more. */
  cancel(number: number): void {
    this.#requests.get(number)?.abort()
    this.#requests.delete(number)
  }

  /** Starts a file operation; one that fails ends the drive. Its signal is aborted when the drive ends. */
  operate(operation: (signal: AbortSignal) => Promise<(now: number) => void>): void {
    const running = operation(this.#end.signal)
      .then((input) => this.give(input), this.fail)
      .finally(() => this.#operations.delete(running))
    this.#operations.add(running)
  }

  /** Ends the drive with a result. */
  succeed(result: Result): void {
    this.#stop()
    this.#settle.resolve(result)
  }

  /** Ends the drive with an error; after the end it does nothing. */
  readonly fail = (error: unknown): void => {
    this.#stop()
    this.#settle.reject(SallyportError.from(error))
  }

  /** Resolves when no file operation is running any more, so that files can be closed. */
  async quiet(): Promise<void> {
    await Promise.all(this.#operations)
  }

  #drain(): void {
    for (let output = this.#machine.poll(); output !== null && !this.#stopped; output = this.#machine.poll()) {
      this.#perform(output)
    }
    this.#timer?.cancel()
    this.#timer = null
    if (this.#stopped) return
    const at = this.#machine.timerAt(this.#surroundings.clock.now())
    if (at === Infinity) return
    this.#timer = this.#surroundings.timers.at(at, () => this.give((now) => this.#machine.timeout(now)))
  }

  #stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#timer?.cancel()
    this.#end.abort()
    for (const controller of this.#requests.values()) controller.abort()
    this.#requests.clear()
  }
}

/** The peers to ask about a chunk, with their networks; none when the lookup fails, which the machine judges. */
export const findCandidates = async (
  routing: Routing,
  address: ChunkAddress,
  signal: AbortSignal,
): Promise<readonly Candidate[]> => {
  try {
    const peers = await routing.lookup(address, { signal })
    return peers.map((peer) => ({ peer, network: routing.network(peer) }))
  } catch {
    return []
  }
}

/** What it means to a machine that a request got no response. */
export const silence = (error: unknown): ReturnType<typeof silenceAnswer> =>
  silenceAnswer(SallyportError.from(error).code)

/** Runs a drive to its end, which comes at once when `signal` is aborted; then no file operation of it is running any more. */
export const runDrive = async <Output, Result>(
  drive: Drive<Output, Result>,
  signal: AbortSignal | undefined,
): Promise<Result> => {
  const abort = (): void => drive.fail(new SallyportError('CANCELLED', 'the transfer was cancelled'))
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort()
  try {
    drive.give(() => {})
    return await drive.outcome
  } finally {
    signal?.removeEventListener('abort', abort)
    await drive.quiet()
  }
}
