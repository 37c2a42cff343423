// Programs run for a bounded time, ended by their own id, with what they print kept.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Command } from './peer.ts'

/** What a program prints beyond this is not kept. ngtcp2 logs each packet. */
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024

/** One line of JSON that a program printed. */
export type Fact = Readonly<Record<string, unknown>>

/** A program that was run, or runs. */
export class Run {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #printed = 0
  readonly #lines: string[] = []
  /** The JSON objects it printed, in order. */
  readonly facts: Fact[] = []
  readonly #waiting = new Set<() => void>()

  /** Standard input stays open: our programs end when it closes, so that none outlives a runner that was killed. */
  constructor({ file, args, cwd }: Command) {
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(cwd !== undefined && { cwd }) })
    running.add(this)
    this.#child.stdin?.on('error', () => {})
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', resolve)
      this.#child.once('error', (error) => {
        this.#keep(error.message)
        resolve(null)
      })
    }).finally(() => {
      running.delete(this)
      this.#wake()
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#keep(line))
    }
  }

  get output(): string {
    return this.#lines.join('\n')
  }

  /** Its exit code; null while it runs, or when it was ended by a signal. */
  get code(): number | null {
    return this.#child.exitCode
  }

  /** Whether it ended by itself within the time; it is ended otherwise. */
  async end(withinMs: number): Promise<boolean> {
    const timer = setTimeout(() => this.kill(), withinMs)
    await this.#ended
    clearTimeout(timer)
    return this.#child.signalCode === null
  }

  /** Waits until a fact is there, at most so long; null when the program ended or the time did. */
  async until(wanted: (fact: Fact) => boolean, withinMs: number): Promise<Fact | null> {
    const late = AbortSignal.timeout(withinMs)
    for (;;) {
      const found = this.facts.find(wanted)
      if (found !== undefined) return found
      if (this.#child.exitCode !== null || this.#child.signalCode !== null || late.aborted) return null
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await Promise.race([promise, late.aborted ? null : once(late, 'abort')])
      this.#waiting.delete(resolve)
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  #keep(line: string): void {
    this.#printed += line.length
    if (this.#printed > OUTPUT_BYTES_MAX) return
    this.#lines.push(line)
    if (line.startsWith('{')) {
      try {
        this.facts.push(JSON.parse(line) as Fact)
      } catch {
        // A line of a log that only looks like JSON.
      }
    }
    this.#wake()
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
  }
}

/** Bounded by what one cell runs at once. */
const running = new Set<Run>()

/** Ends whatever still runs. */
export const killAll = (): void => {
  for (const run of running) run.kill()
}

/** Runs a program to its end and gives its output, or null when it cannot be run, fails, or takes too long. */
export const outputOf = async (command: Command, withinMs: number): Promise<string | null> => {
  const run = new Run(command)
  const ended = await run.end(withinMs)
  return ended && run.code === 0 ? run.output : null
}
