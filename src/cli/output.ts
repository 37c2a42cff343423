// Where a command's words go: results to stdout, notes to stderr. With --json stdout carries JSON alone, one object a line, the
// result last. A reader who went away (EPIPE) is no failure of the command; a stdout that cannot be written (a full disk) is one.
import { SallyportError } from '../index.ts'
import { REMEDIES } from './remedies.ts'

/** The part of a stream that is written to. */
interface Sink {
  write(text: string, done?: () => void): boolean
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown
}

/** What a command prints to. */
export class Output {
  readonly json: boolean
  readonly #out: Sink
  readonly #err: Sink
  #lost: SallyportError | null = null

  constructor(json: boolean, out: Sink, err: Sink) {
    this.json = json
    this.#out = out
    this.#err = err
    out.on('error', (error) => {
      if (error.code !== 'EPIPE') this.#lost ??= unwritten(error)
    })
    // Of a stderr that fails there is nobody left to tell; what the command does and its exit code are not changed by it.
    err.on('error', () => {})
  }

  /** A line of the result for people; nothing with --json. */
  line(text: string): void {
    if (!this.json) this.#out.write(`${text}\n`)
  }

  /** One JSON object on one line; nothing without --json. */
  object(value: object): void {
    if (this.json) this.#out.write(`${JSON.stringify(value)}\n`)
  }

  /** A line about what is going on, for people who watch. */
  note(text: string): void {
    this.#err.write(`${text}\n`)
  }

  /** A failure: the message and what to do about it, never a stack trace; beside it what there is to report all the same. */
  failure(error: SallyportError, report: object = {}): void {
    const { remedy } = REMEDIES[error.code]
    this.object({ ...report, error: { code: error.code, message: error.message, remedy } })
    this.note(`sallyport: ${error.message}\n  ${remedy}`)
  }

  /** Settles once everything written has been handed to the system, or its reader is gone; with what kept stdout from being written. */
  async flushed(): Promise<SallyportError | null> {
    await Promise.all(
      [this.#out, this.#err].map((sink) => new Promise<void>((resolve) => sink.write('', () => resolve()))),
    )
    return this.#lost
  }
}

const unwritten = (error: Error): SallyportError =>
  new SallyportError(SallyportError.from(error).code, `stdout could not be written: ${error.message}`, error)
