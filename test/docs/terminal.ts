// A program at a terminal of its own, as somebody sees it who waits for what it prints.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'

/** Without what npm and the test runner tell their children: as from a shell of one's own. */
export const ownEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_TEST_CONTEXT$/.test(name)))

/** A program in a group of its own; what it prints is kept. */
export class Terminal {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  #printed = ''
  #isOver = false

  constructor(command: string, words: readonly string[], cwd: string) {
    this.#child = spawn(command, words, { cwd, env: ownEnvironment(), detached: true })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (part: string) => (this.#printed += part))
    }
    this.#ended = once(this.#child, 'close').then(() => (this.#isOver = true))
  }

  /** Resolves once something that it printed matches; rejects when all of it has ended without that. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#printed)
      if (match !== null) return match
      if (this.#isOver) throw new Error(`it ended without ${String(pattern)}:\n${this.#printed}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** Says that nothing more will be typed, and resolves to its exit code. */
  async leave(): Promise<number | null> {
    this.#child.stdin.end()
    await this.#ended
    return this.#child.exitCode
  }

  /** As Ctrl-C does: its whole group is interrupted. Resolves when all of it has ended. */
  async interrupt(): Promise<void> {
    this.#signal('SIGINT')
    await this.#ended
  }

  /** Ends it, if it has not ended. */
  kill(): void {
    if (!this.#isOver) this.#signal('SIGKILL')
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid !== undefined) process.kill(-pid, signal)
  }
}
