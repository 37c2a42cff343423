// Where the lines of the log go: to stderr as long as somebody takes them. Whoever reads slowly, or not at all, holds up nobody: what would
// have to wait is left out, and how much that was is said when there is room again.
//
// To a pipe or a socket Node writes without waiting and keeps what was not taken, so what is kept is bounded here. To a file it waits for the disk
// alone. To a terminal it would wait for the terminal, and one that is stopped (Ctrl-S), or whose line is down, would stop the node: so
// terminals are opened a second time, to be written to without waiting, where the system can do that (Linux).
import { constants, openSync, writeSync } from 'node:fs'
import { printable } from './output.ts'

/** Bytes that wait for a reader at most: some 300 lines. */
export const WAITING_MAX = 64 * 1024

/** What is written to. */
export interface LogSink {
  readonly isTTY?: boolean
  /** Bytes that were written and not taken yet. */
  readonly writableLength: number
  write(text: string): unknown
}

/** A terminal at stderr as a descriptor that nobody waits for; null where there is no such thing. */
export const openTerminal = (): number | null => {
  try {
    return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return null
  }
}

/** A stream for pino, which gives it whole lines. */
export class LogStream {
  readonly #sink: LogSink
  readonly #descriptor: number | null
  /** What a descriptor did not take of a line it took the beginning of; bounded by a line. */
  #rest: Uint8Array = new Uint8Array(0)
  #leftOut = 0

  /** With a descriptor, which is never waited for, nothing goes to the sink. */
  constructor(sink: LogSink, descriptor: number | null = null) {
    this.#sink = sink
    this.#descriptor = descriptor
  }

  write(line: string): void {
    if (this.#leftOut > 0 && this.#put(leftOutLine(this.#leftOut))) this.#leftOut = 0
    if (this.#leftOut > 0 || !this.#put(printable(line))) this.#leftOut++
  }

  /** False when there is no room for a line. */
  #put(line: string): boolean {
    if (this.#descriptor !== null) return this.#putNow(this.#descriptor, line)
    if (this.#sink.writableLength > WAITING_MAX) return false
    this.#sink.write(line)
    return true
  }

  /** Part of a line is gone on with as soon as there is room: a line is written whole or not at all. */
  #putNow(descriptor: number, line: string): boolean {
    this.#rest = this.#rest.subarray(taken(descriptor, this.#rest))
    if (this.#rest.length > 0) return false
    const bytes = Buffer.from(line)
    const begun = taken(descriptor, bytes)
    if (begun > 0) this.#rest = bytes.subarray(begun)
    return begun > 0
  }
}

/** How many bytes a descriptor takes now. What cannot be written, to a terminal that is gone, is as if nobody read it. */
const taken = (descriptor: number, bytes: Uint8Array): number => {
  if (bytes.length === 0) return 0
  try {
    return writeSync(descriptor, bytes)
  } catch {
    return 0
  }
}

const leftOutLine = (lines: number): string =>
  `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), leftOut: lines, msg: 'lines were left out: stderr is read too slowly' })}\n`
