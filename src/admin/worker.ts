// The inside of the admin's thread: takes what the node's thread tells and answers whoever asks. It works on nothing of the node's.
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Board } from './board.ts'
import { Names } from './names.ts'
import type { CheckedAdmin } from './options.ts'
import type { FromAdmin, ToAdmin } from './reading.ts'
import { Routes } from './routes.ts'
import { createAdminServer } from './server.ts'
import type { About } from './snapshot.ts'
import { Token } from './token.ts'

const port = parentPort
if (port === null) throw new Error('this file is run as a worker thread')
const say = (message: FromAdmin): void => port.postMessage(message)

const { bind, names, token, tls } = workerData as CheckedAdmin
const board = new Board({ now: () => performance.now(), wall: () => Date.now() })
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const about = (): About => {
  const { user, system } = process.cpuUsage()
  return {
    version,
    rssBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    upSeconds: board.upMs / 1000,
  }
}

const failed = (error: NodeJS.ErrnoException): void =>
  say({ kind: 'failed', code: error.code ?? '', message: error.message })

try {
  const routes = new Routes(board, about)
  const rules = { names: new Names([bind.host, ...names]), token: token === null ? null : new Token(token) }
  const server = createAdminServer(tls, rules, (path, query) => routes.answer(path, query))
  server.on('error', failed)
  server.listen(bind.port, bind.host, () => {
    const address = server.address()
    say({ kind: 'listening', port: address !== null && typeof address === 'object' ? address.port : bind.port })
  })
} catch (error) {
  // A certificate or key that is none.
  failed(error as NodeJS.ErrnoException)
}

port.on('message', (message: ToAdmin) => {
  board.take(message)
  if (message.kind === 'reading' || message.kind === 'page') say({ kind: 'took' })
})
