// The inside of an admin's thread, whatever is watched: takes what the other thread tells and answers whoever asks.
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import type { Answer } from './answer.ts'
import { Names } from './names.ts'
import type { CheckedAdmin } from './options.ts'
import type { Clocks, Pulse } from './pulse.ts'
import type { FromAdmin, Stage } from './reading.ts'
import { createAdminServer } from './server.ts'
import type { About } from './snapshot.ts'
import { Token } from './token.ts'

/** What is known of what is watched. */
export interface Known<Message> {
  readonly pulse: Pulse
  take(message: Message): void
}

/** Answers a request that may be answered. */
export type Answering = (path: string, query: URLSearchParams) => Promise<Answer>

/** Runs the thread: `known` is what it is told, and `answering` what it says of that. */
export const runThread = <Board extends Known<never>>(
  makeKnown: (clocks: Clocks) => Board,
  makeAnswering: (known: Board, about: () => About) => Answering,
): void => {
  const port = parentPort
  if (port === null) throw new Error('this file is run as a worker thread')
  const say = (message: FromAdmin): void => port.postMessage(message)
  const failed = (error: NodeJS.ErrnoException): void =>
    say({ kind: 'failed', code: error.code ?? '', message: error.message })
  const known = makeKnown({ now: () => performance.now(), wall: () => Date.now() })
  try {
    const { bind, names, token, tls } = workerData as CheckedAdmin
    const rules = { names: new Names([bind.host, ...names]), token: token === null ? null : new Token(token) }
    const server = createAdminServer(tls, rules, makeAnswering(known, aboutOf(known.pulse)))
    server.on('error', failed)
    server.listen(bind.port, bind.host, () => {
      const address = server.address()
      say({ kind: 'listening', port: address !== null && typeof address === 'object' ? address.port : bind.port })
    })
  } catch (error) {
    // A certificate or key that is none.
    failed(error as NodeJS.ErrnoException)
  }
  port.on('message', (message: { readonly kind: string }) => {
    known.take(message as never)
    if (!isStage(message)) say({ kind: 'took' })
  })
}

const isStage = (message: { readonly kind: string }): message is Stage =>
  message.kind === 'joined' || message.kind === 'closing'

const aboutOf = (pulse: Pulse): (() => About) => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return () => {
    const { user, system } = process.cpuUsage()
    const rssBytes = process.memoryUsage.rss()
    return { version, rssBytes, cpuSeconds: (user + system) / 1e6, upSeconds: pulse.upMs / 1000 }
  }
}
