// One cell of the table: a server, a forwarder before it, a client, all for a bounded time and ended by their own ids.
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './cases.ts'
import { Forwarder, freePort } from './forwarder.ts'
import type { Certificates, KeyKind, Peer } from './peer.ts'
import { Run } from './process.ts'

const LISTENING_MS = 20_000
/** A server that does not say when it listens gets this long. */
const SILENT_SERVER_MS = 300
/** For a client, all its programs together: what takes longer has failed. */
const CLIENT_MS = 30_000
/** For the server to hear of the client's end. */
const AFTERWARDS_MS = 2000

/** What came of a cell. */
export type Outcome =
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'lacks'; readonly reason: string }
  | { readonly kind: 'fail'; readonly reason: string }

/** Who speaks with whom, about what. */
export interface Cell {
  readonly client: Peer
  readonly server: Peer
  readonly test: Case
}

/** Runs a cell in a directory that is emptied first. */
export const runCell = async (
  cell: Cell,
  own: { readonly certificates: Readonly<Record<KeyKind, Certificates>>; readonly directory: string },
): Promise<Outcome> => {
  const { client, server, test } = cell
  const lacking = client.lacks('client', test.name) ?? server.lacks('server', test.name)
  if (lacking !== null) return { kind: 'lacks', reason: lacking }
  const { directory } = own
  rmSync(directory, { recursive: true, force: true })
  const [serverDirectory, clientDirectory] = [join(directory, 'server'), join(directory, 'client')]
  for (const path of [serverDirectory, clientDirectory]) mkdirSync(path, { recursive: true })
  // Ours speaks what the other does.
  const alpn = client.alpn === 'h3' || server.alpn === 'h3' ? 'h3' : 'hq-interop'
  const certificates = own.certificates[test.key ?? 'p256']
  const { name, bytes, suite = 'default' } = test
  const common = { test: test.as ?? name, alpn, certificates, bytes, suite } as const
  // A client of ours offers no other version than 1, so the one to be refused is that.
  const refused = test.name === 'version' && client.name === OURS && server.refusesV1
  const port = await freePort()
  const preferred = name === 'preferred' ? await freePort() : null
  const demands = {
    groups: test.groups?.server ?? 'default',
    retry: test.retry ?? false,
    refuseV1: refused,
    directory: serverDirectory,
  }
  const serverRun = new Run(server.server({ ...common, ...demands, port, preferred }))
  const forwarder = new Forwarder(port, test.weather)
  try {
    if (!(await listens(server, serverRun))) return failed('the server does not listen', serverRun)
    const groups = test.groups?.client ?? 'default'
    const orders = { ...common, groups, port: await forwarder.listen(), preferred, refused, directory: clientDirectory }
    const began = performance.now()
    const runs: Run[] = []
    const { commands, objection } = client.client(orders)
    for (const command of commands) {
      const run = new Run(command)
      runs.push(run)
      const left = CLIENT_MS - (performance.now() - began)
      if (!(await run.end(left))) return failed(`the client was not done in ${CLIENT_MS / 1000} s`, run)
    }
    const ms = performance.now() - began
    const own = objection(runs)
    if (own !== null) return { kind: 'fail', reason: own }
    const seen = { witness: forwarder.witness, server: { peer: server, run: serverRun }, client: { peer: client } }
    const unseen = await settled(() => test.objection?.(seen) ?? null)
    return unseen === null ? { kind: 'pass', ms } : { kind: 'fail', reason: unseen }
  } finally {
    forwarder.close()
    serverRun.kill()
    await serverRun.end(LISTENING_MS)
  }
}

/** The name of ours among the peers. */
export const OURS = 'sallyport'

const listens = async (server: Peer, run: Run): Promise<boolean> => {
  if (server.announces) return (await run.until(({ event }) => event === 'listening', LISTENING_MS)) !== null
  await sleep(SILENT_SERVER_MS)
  return run.code === null
}

/** What is still objected after the server had a little time to hear of the end. */
const settled = async (objection: () => string | null): Promise<string | null> => {
  const until = performance.now() + AFTERWARDS_MS
  while (objection() !== null && performance.now() < until) await sleep(20)
  return objection()
}

const failed = (reason: string, run: Run): Outcome => {
  const last = run.output.split('\n').at(-1) ?? ''
  return { kind: 'fail', reason: last === '' ? reason : `${reason}: ${last}` }
}
