// One process of the accept benchmark, the server's or the clients': its first argument is the adapter of whom it runs. It answers what
// the benchmark asks, one thing after the other, and leaves nothing behind but its process, which the benchmark ends.
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { serve } from '../../../src/testnet/serve.ts'
import type { Client, Peer, Setup } from './peer.ts'

/** What a child is asked. */
export type Request =
  /** Who this is: an `Introduction`. */
  | { readonly kind: 'introduce' }
  /** Starts the server: its address. */
  | { readonly kind: 'listen'; readonly setup: string }
  /** What the process has used: a `Usage`. */
  | { readonly kind: 'usage' }
  /** Collects garbage: what is left, in bytes of RSS. */
  | { readonly kind: 'collect' }
  /** Makes clients that wait to dial. */
  | { readonly kind: 'prepare'; readonly clients: number }
  /** Leaves handshakes begun. */
  | { readonly kind: 'leave'; readonly address: string; readonly count: number }
  /** Has clients dial: a `Dialled`. */
  | ({ readonly kind: 'dial' } & DialRequest)

export interface DialRequest {
  readonly address: string
  readonly count: number
  readonly atOnce: number
  /** What is not connected so long after the first dial is not counted. */
  readonly deadlineMs: number
}

export interface Introduction {
  readonly title: string
  readonly identity: string
  readonly version: string
  readonly setups: readonly Setup[]
}

export interface Usage {
  /** Of all threads. */
  readonly cpuMs: number
  /** Of the thread that runs the event loop. */
  readonly loopCpuMs: number
}

/** How the dials fared. */
export interface Dialled {
  /** From each dial to its first echoed byte, milliseconds. */
  readonly times: readonly number[]
  /** From the first dial to the last echoed byte. */
  readonly ms: number
  /** The commonest reason for which others failed; null when none did. */
  readonly failure: string | null
}

/** When nobody at all is connected by then, nobody is waited for. */
const HOPELESS_MS = 4_000
const NO_ANSWER = 'no answer by the deadline'
/** What a handshake or a dial leaves behind for a moment is gone after this. */
const SETTLE_MS = 200
const COLLECTIONS = 2

/** Loaded once; why it cannot be loaded is the answer to whatever is asked. */
const adapter = import(process.argv[2] ?? '') as Promise<{ readonly peer: Peer }>
adapter.catch(() => {})

const waiting: Client[] = []
/** So that nothing that holds a connection is collected. */
const held: unknown[] = []

const answer = async (request: Request): Promise<unknown> => {
  const { peer } = await adapter
  switch (request.kind) {
    case 'introduce':
      return introduce(peer)
    case 'listen':
      return peer.listen(request.setup)
    case 'usage':
      return usage()
    case 'collect':
      return collect()
    case 'prepare':
      for (let n = 0; n < request.clients; n++) waiting.push(await peer.client())
      return null
    case 'leave':
      return peer.leave(request.address, request.count)
    case 'dial':
      return dial(request)
  }
}

const introduce = async (peer: Peer): Promise<Introduction> => {
  if (peer.package !== null) surviveBlunders(peer)
  const { title, identity, setups } = peer
  return { title, identity, setups, version: await versionOf(peer.package) }
}

const versionOf = async (name: string | null): Promise<string> => {
  const path = name === null ? '../../../package.json' : `../../peers/node_modules/${name}/package.json`
  const { version } = JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')) as { version: string }
  return version
}

const usage = (): Usage => {
  const [all, loop] = [process.cpuUsage(), process.threadCpuUsage()].map(({ user, system }) => (user + system) / 1e3)
  return { cpuMs: all ?? 0, loopCpuMs: loop ?? 0 }
}

const collect = async (): Promise<number> => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: object) => void
  for (let n = 0; n < COLLECTIONS; n++) {
    await sleep(SETTLE_MS)
    // The last resort also shrinks the young generation, whose size would blur everything else by 10 MB.
    gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  }
  return process.memoryUsage.rss()
}

const dial = async ({ address, count, atOnce, deadlineMs }: DialRequest): Promise<Dialled> => {
  const clients = waiting.splice(0, count).values()
  const times: number[] = []
  const failures = new Map<string, number>()
  const begun = performance.now()
  let last = begun
  let over = false
  const lane = async (): Promise<void> => {
    for (const client of clients) {
      const from = performance.now()
      try {
        held.push(client, await client.dial(address))
        if (over) return
        last = performance.now()
        times.push(last - from)
      } catch (error) {
        const text = reasonOf(error)
        failures.set(text, (failures.get(text) ?? 0) + 1)
      }
      if (over) return
    }
  }
  const hopeless = async (): Promise<void> => {
    await sleep(HOPELESS_MS)
    if (times.length > 0) await sleep(deadlineMs)
  }
  await Promise.race([Promise.all(Array.from({ length: atOnce }, lane)), sleep(deadlineMs), hopeless()])
  over = true
  const [commonest] = [...failures].sort(([, a], [, b]) => b - a)
  const unanswered = times.length < count ? NO_ANSWER : null
  return { times, ms: last - begun, failure: commonest?.[0] ?? unanswered }
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return `${code}: ${error.message.split('\n')[0]}`
}

/** What a peer's code throws outside any promise of ours is its own affair, as long as it still serves. */
const surviveBlunders = ({ title }: Peer): void => {
  process.on('uncaughtException', (error) => console.error(`${title}: ${error.message}`))
  process.on('unhandledRejection', () => {})
}

serve<Request>(answer, async () => {})
