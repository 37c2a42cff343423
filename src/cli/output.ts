// Where a command's words go: results to stdout, notes to stderr. With --json stdout carries JSON alone, one object a line, the
// result last. Where stdout carries a file, everything goes to stderr. A reader who went away (EPIPE) is no failure of the command; a stdout that cannot be written (a full disk) is one.
import { setTimeout } from 'node:timers/promises'
import { SallyportError } from '../index.ts'
import { Progress, screenOf } from './progress.ts'
import { REMEDIES } from './remedies.ts'

/** How long, in milliseconds, a command that is over waits for whoever reads its stderr. */
const STDERR_MS = 500

/** The part of a stream that is written to. */
interface Sink {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string, done?: () => void): boolean
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
}

/** A text without what a terminal would obey, its line breaks apart: names of files and words of others are shown and not carried out. */
export const printable = (text: string): string => text.replaceAll(/[^\P{Cc}\n]/gu, '?')

/** What a command prints to. */
export class Output {
  readonly json: boolean
  #out: Sink
  readonly #err: Sink
  #lost: SallyportError | null = null

  constructor(json: boolean, out: Sink, err: Sink) {
    this.json = json
    this.#out = out
    this.#err = err
    out.on('error', (error) => {
      if (error.code !== 'EPIPE' && this.#out === out) this.#lost ??= unwritten(error)
    })
    // Of a stderr that fails there is nobody left to tell; what the command does and its exit code are not changed by it.
    err.on('error', () => {})
  }

  /** Gives stdout to a file: nothing but its bytes may come there from now on, and whoever writes them is told what keeps them from it. */
  giveStdout(): void {
    this.#out = this.#err
  }

  /** A line of the result for people; nothing with --json. */
  line(text: string): void {
    if (!this.json) this.#out.write(`${printable(text)}\n`)
  }

  /** One JSON object on one line; nothing without --json. */
  object(value: object): void {
    if (this.json) this.#out.write(`${JSON.stringify(value)}\n`)
  }

  /** A line about what is going on, for people who watch. */
  note(text: string): void {
    this.#err.write(`${printable(text)}\n`)
  }

  /** Shows how a transfer goes, on stderr; nothing with --json. To be ended before anything else is said. */
  progress(verb: string): Progress {
    return new Progress(verb, this.json ? null : screenOf(this.#err, process.env))
  }

  /** A failure: the message and what to do about it, never a stack trace; beside it what there is to report all the same. */
  failure(error: SallyportError, report: object = {}): void {
    const { remedy } = REMEDIES[error.code]
    this.note(`sallyport: ${error.message}\n  ${remedy}`)
    this.object({ ...report, error: { code: error.code, message: error.message, remedy } })
  }

  /**
   * Settles once everything written has been handed to the system, or its reader is gone; with what kept stdout from being written. A result is
   * waited for as long as it takes; who does not read stderr, where a log may be, does not keep a command from its end.
   */
  async flushed(): Promise<SallyportError | null> {
    const over = new AbortController()
    const patience = setTimeout(STDERR_MS, undefined, { signal: over.signal }).catch(() => {})
    await Promise.all([handedOver(this.#out), Promise.race([handedOver(this.#err), patience])])
    over.abort()
    return this.#lost
  }
}

const handedOver = (sink: Sink): Promise<void> => new Promise((resolve) => sink.write('', () => resolve()))

const unwritten = (error: Error): SallyportError =>
  new SallyportError(SallyportError.from(error).code, `stdout could not be written: ${error.message}`, error)
