// Progress as it is shown: on a terminal one line that is drawn anew and gone at the end; elsewhere a plain line now and then; with
// --json nothing. Always on stderr, without colour, and without a control character where a terminal is not sure to know them.
import { ProgressMeter, progressLine, progressSentence } from './progress-meter.ts'

/** Where progress is shown. */
export interface Screen {
  /** Whether a line can be drawn over. */
  readonly canRedraw: boolean
  /** Columns now; a window may be resized. */
  readonly columns: () => number
  readonly write: (text: string) => void
}

/** A terminal's line is drawn at most this often, and this often even when nothing moves: the time left goes on. */
const REDRAW_MS = 100
const TICK_MS = 500
/** Elsewhere a line is written this often. */
const LINE_MS = 10_000

const ERASE_TO_END = '\u001B[K'

/** The stderr of a process, by what it is and what its environment says. */
export const screenOf = (
  stream: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown },
  environment: NodeJS.ProcessEnv,
): Screen => ({
  canRedraw: stream.isTTY === true && environment['TERM'] !== 'dumb',
  columns: () => stream.columns ?? 80,
  write: (text) => void stream.write(text),
})

/** Shows one transfer, from its making to `end`; `now` is a monotonic clock in milliseconds. */
export class Progress {
  readonly #verb: string
  readonly #screen: Screen | null
  readonly #now: () => number
  readonly #meter: ProgressMeter
  readonly #ticks: NodeJS.Timeout | null
  #shownAt: number
  #drawn = false

  /** Without a screen nothing is shown. */
  constructor(verb: string, screen: Screen | null, now: () => number = () => performance.now()) {
    this.#verb = verb
    this.#screen = screen
    this.#now = now
    this.#shownAt = now()
    this.#meter = new ProgressMeter(now())
    this.#ticks = screen === null ? null : setInterval(() => this.#show(TICK_MS), TICK_MS).unref()
  }

  /** So many bytes are done, of so many; null where nobody knows yet. */
  readonly update = ({ bytes, of }: { readonly bytes: number; readonly of: number | null }): void => {
    this.#meter.update(bytes, of, this.#now())
    this.#show(REDRAW_MS)
  }

  /** Nothing more is shown, and what was drawn is gone. */
  end(): void {
    if (this.#ticks !== null) clearInterval(this.#ticks)
    if (this.#drawn) this.#screen?.write(`\r${ERASE_TO_END}`)
    this.#drawn = false
  }

  #show(redrawMs: number): void {
    const now = this.#now()
    if (this.#screen === null || now - this.#shownAt < (this.#screen.canRedraw ? redrawMs : LINE_MS)) return
    this.#shownAt = now
    const reading = this.#meter.read(now)
    if (!this.#screen.canRedraw) return this.#screen.write(`${progressSentence(this.#verb, reading)}\n`)
    this.#screen.write(`\r${progressLine(this.#verb, reading, this.#screen.columns())}${ERASE_TO_END}`)
    this.#drawn = true
  }
}
