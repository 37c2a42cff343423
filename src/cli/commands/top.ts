// `top`: what a node is doing, once a second: a screen on a terminal, a line otherwise, an object with --json.
import { setTimeout as pause } from 'node:timers/promises'
import type { Snapshot } from '../../admin/shown.ts'
import { SallyportError } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { printable } from '../output.ts'
import { lineOf, screenOf } from '../top/view.ts'
import { ask } from '../top/watch.ts'
import { tokenOf } from './admin-options.ts'

const EVERY_MS = 1000

/** Where `start --admin` is usually told to listen. */
const DEFAULT_URL = 'http://127.0.0.1:9464'

/** The other screen of a terminal without a cursor, back to the one there was, and the upper left corner with nothing below. */
const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H\u001b[J'

/** Shows until the time is over or it is stopped, which is how it is done. */
export const top: Run<'top'> = async ({ argument, for: forMs, adminTokenFile }, { output, signal }) => {
  const url = argument ?? DEFAULT_URL
  const token = await tokenOf(adminTokenFile, process.env)
  const until = forMs === undefined ? Infinity : performance.now() + forMs
  let answer: Snapshot | SallyportError = await ask(url, token, signal)
  const terminal = process.stdout.isTTY && !output.json ? process.stdout : null
  terminal?.write(ENTER)
  try {
    for (let due = performance.now(); ; answer = await askAgain(url, token, signal)) {
      if (terminal === null) tell(answer, output)
      else terminal.write(HOME + shown(answer, { columns: terminal.columns, rows: terminal.rows }))
      due += EVERY_MS
      const waitMs = Math.min(due, until) - performance.now()
      await pause(Math.max(0, waitMs), null, { signal })
      if (performance.now() >= until) return EXIT.done
    }
  } catch (error) {
    if (signal.aborted) return signal.reason === 'SIGINT' ? EXIT.interrupted : EXIT.done
    throw error
  } finally {
    terminal?.write(LEAVE)
  }
}

/** A node that falls silent is waited for. */
const askAgain = async (
  url: string,
  token: string | undefined,
  signal: AbortSignal,
): Promise<Snapshot | SallyportError> => {
  try {
    return await ask(url, token, signal)
  } catch (error) {
    signal.throwIfAborted()
    return SallyportError.from(error)
  }
}

const tell = (
  answer: Snapshot | SallyportError,
  output: { line(text: string): void; object(value: object): void },
): void => {
  const time = new Date().toISOString()
  if (answer instanceof SallyportError) {
    output.line(`${time}  ${answer.message}`)
    return output.object({ at: time, unreachable: answer.message })
  }
  output.line(lineOf(answer, time))
  const { connections, ...rest } = answer
  output.object({ at: time, ...rest, connections: { total: connections.total } })
}

const shown = (answer: Snapshot | SallyportError, size: { columns: number; rows: number }): string =>
  printable((answer instanceof SallyportError ? [answer.message] : screenOf(answer, size)).join('\n'))
