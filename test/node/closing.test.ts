// Closing, over real UDP with real workers and a real directory: what was going on ends within its bound, and nothing is left, neither
// handle nor timer, listener, thread or open file.
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ascii } from '../../src/core/bytes.ts'
import { SallyportError } from '../../src/core/errors.ts'
import { createNode, type Node, type NodeOptions } from '../../src/index.ts'
import { World } from './transport-world.ts'

const LISTEN = ['/ip4/127.0.0.1/udp/0/quic-v1']
/** Long enough for what is released to be answered, and a bound for what never is. */
const GRACE_MS = 500

/** What a process holds open: resources of the event loop, files and sockets, threads. Where there is no /proc, the first alone. */
const held = (): Record<string, number> => {
  const names = [
    ...process.getActiveResourcesInfo(),
    ...list('/proc/self/fd').map((fd) => `open ${linkOf(`/proc/self/fd/${fd}`)}`),
    ...list('/proc/self/task').map((thread) => `thread ${nameOf(thread)}`),
  ]
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : [])

/** Sockets and pipes without their numbers, which differ each time; the descriptor that lists the others is gone by now. */
const linkOf = (path: string): string => {
  try {
    return readlinkSync(path).replace(/\[?\d+\]?$/, '')
  } catch {
    return 'nothing'
  }
}

const nameOf = (thread: string): string => {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').trim()
  } catch {
    return 'that ended'
  }
}

/** The system takes back threads and sockets a moment after Node does; at the last try the comparison is final. */
const leftOver = async (before: Record<string, number>): Promise<Record<string, number>> => {
  let left: Record<string, number> = {}
  for (let tries = 0; tries < 50; tries++) {
    left = {}
    for (const [name, count] of Object.entries(held())) {
      if (count > (before[name] ?? 0)) left[name] = count - (before[name] ?? 0)
    }
    if (Object.keys(left).length === 0) break
    await sleep(20)
  }
  return left
}

const code = (error: unknown): string => SallyportError.from(error).code

/** Everything a node may have going on when it is closed, and how each thing ended. */
const playThrough = async (directory: string): Promise<Record<string, unknown>> => {
  const base: NodeOptions = { listen: LISTEN, limits: { closeGraceMs: GRACE_MS } }
  const node = await createNode({ ...base, dataDirectory: directory, diversity: 'off' })
  const others: Node[] = [await createNode(base), await createNode(base)]
  const controller = new AbortController()
  const { signal } = controller
  const release = Promise.withResolvers<void>()
  const reached = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  node.transport.handle('/test/slow/1', async () => {
    reached[0]!.resolve()
    await release.promise
    return { status: 0, payload: ascii('done') }
  })
  node.transport.handle('/test/hung/1', () => {
    reached[1]!.resolve()
    return new Promise<never>(() => {})
  })
  const subscribed = node.transport.events()
  const sleeping = node.transport.events()
  const heard: string[] = []
  const listening = (async () => {
    for await (const event of subscribed) heard.push(event.kind)
  })()
  for (const { transport } of others) await transport.connectPeer(node.addresses[0]!, { signal })
  const asker = others[0]!.transport
  const slow = asker.request(node.peerId, '/test/slow/1', ascii('x'), { signal }).then(({ payload }) => payload, code)
  const hung = asker.request(node.peerId, '/test/hung/1', ascii('x'), { signal }).then(() => 'answered', code)
  const nowhere = '/ip4/127.0.0.1/udp/9/quic-v1'
  const dial = node.transport.connectPeer(nowhere, { signal }).then(() => 'connected', code)
  const stranger = 'ab'.repeat(32) as Node['peerId']
  const waiting = node.transport.waitForPeerIdentity(stranger, { signal, timeoutMs: 60_000 }).then(() => 'came', code)
  const joining = others[1]!.join({ signal }).then(({ peers }) => peers, code)
  await Promise.all([joining, ...reached.map(({ promise }) => promise)])
  const closing = node.close()
  const late = await node.transport.connectPeer(nowhere).then(() => 'connected', code)
  release.resolve()
  const ends = { slow: await slow, hung: await hung, dial: await dial, waiting: await waiting, late }
  await closing
  await listening
  await Promise.all(others.map((other) => other.close()))
  assert.equal((await sleeping.next()).done, false, 'what was buffered can still be read')
  await sleeping.return?.()
  return { ...ends, heard, listeners: getEventListeners(signal, 'abort').length }
}

test('a node closes with everything going on, and leaves no handle, timer, listener, thread or file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-closing-'))
  try {
    // Once for what a process loads and keeps: code, WebAssembly, the thread pool.
    await playThrough(directory)
    await sleep(100)
    const before = held()
    const ours = Object.keys(before).filter((name) => name.startsWith('thread sallyport'))
    assert.deepEqual(ours, [], 'the threads of the first time have ended')
    const ended = await playThrough(directory)
    assert.deepEqual(ended, {
      slow: ascii('done'),
      hung: 'CONNECTION_LOST',
      dial: 'CLOSED',
      waiting: 'CLOSED',
      late: 'CLOSED',
      heard: ['connected', 'connected', 'disconnected', 'disconnected'],
      listeners: 0,
    })
    assert.deepEqual(await leftOver(before), {})
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test('what is still open shows: a socket, a timer and a file are found', async () => {
  const before = held()
  const timer = setTimeout(() => {}, 60_000)
  const node = await createNode({ listen: LISTEN })
  const left = await leftOver(before)
  assert.ok((left['Timeout'] ?? 0) >= 1, JSON.stringify(left))
  assert.ok(Object.keys(left).length >= 2, JSON.stringify(left))
  clearTimeout(timer)
  await node.close()
  assert.deepEqual(await leftOver(before), {})
})

test('closing says GOAWAY and accepts nobody, lets a request finish, and waits for one that hangs no longer than its bound', async () => {
  for (const hangs of [false, true]) {
    const world = await World.make()
    const limits = { closeGraceMs: 2000, dialTimeoutMs: 1500 }
    const [a, b, c] = [await world.host({ limits }), await world.host(), await world.host({ limits })]
    const release = Promise.withResolvers<void>()
    a.transport.handle('/test/slow/1', async () => {
      await release.promise
      return { status: 0, payload: ascii('done') }
    })
    const { connection } = await world.run(b.transport.connectPeer(a.address))
    const asked = b.transport.request(a.identity.peerId, '/test/slow/1', ascii('x')).then(({ status }) => status, code)
    await world.clock.advance(50)
    const began = world.clock.now()
    const closing = a.transport.close()
    await world.clock.advance(50)
    assert.equal(b.transport.isConnectionActive(connection), false, 'GOAWAY was heard')
    assert.equal(await b.transport.request(a.identity.peerId, '/x', ascii('x')).then(() => 0, code), 'NOT_CONNECTED')
    assert.equal(await world.run(c.transport.connectPeer(a.address).then(() => 0, code)), 'DIAL_TIMEOUT')
    assert.equal(a.transport.counters().handshakesBegun.inbound, 1)
    if (!hangs) release.resolve()
    await world.run(closing)
    assert.equal(await world.run(asked), hangs ? 'CONNECTION_LOST' : 0)
    const ms = world.clock.now() - began
    assert.ok(hangs ? ms >= 2000 && ms <= 4000 : ms < 2000, `${ms} ms of the world's time`)
    release.resolve()
    await world.close()
    assert.equal(world.clock.next(), Infinity, 'no timer is left')
  }
})
