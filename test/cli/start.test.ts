// `start` as a person meets it: what it prints, who it is, and how it ends.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { after, afterEach, describe, test } from 'node:test'
import { createNode } from '../../src/index.ts'
import { BIN, resultOf, run } from './run.ts'
import type { Failure } from './run.ts'

const LISTEN = '/ip4/127.0.0.1/udp/0/quic-v1'
const EVERYWHERE = '/ip4/0.0.0.0/udp/0/quic-v1'
const directory = mkdtempSync(join(tmpdir(), 'sallyport-start-'))
const running = new Set<Started>()
after(() => rmSync(directory, { recursive: true, force: true }))
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
})

type Started = ChildProcessByStdio<null, Readable, Readable>

interface Lines {
  readonly child: Started
  readonly first: string
  /** Everything on stdout, once the process has ended. */
  readonly all: Promise<string[]>
}

const start = (...words: string[]): Promise<Lines> => startAt(LISTEN, ...words)

const startAt = async (listen: string, ...words: string[]): Promise<Lines> => {
  const child = spawn(process.execPath, [BIN, 'start', '--listen', listen, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  const reader = createInterface(child.stdout)
  const lines: string[] = []
  reader.on('line', (line) => lines.push(line))
  const all = once(reader, 'close').then(() => lines)
  await Promise.race([once(reader, 'line'), all])
  const [first] = lines
  assert.ok(first !== undefined, 'start printed nothing')
  return { child, first, all }
}

const exitOf = async (child: Started): Promise<unknown> => {
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

describe('start', () => {
  test('prints its full address first and ends cleanly on SIGTERM', async () => {
    const { child, first } = await start('--data', join(directory, 'plain'))
    assert.match(first, /^\/ip4\/127\.0\.0\.1\/udp\/[1-9]\d*\/quic-v1\/p2p\/[0-9a-f]{64}$/)
    child.kill('SIGTERM')
    assert.equal(await exitOf(child), 0)
  })

  test('prints with --json one line when it listens and one line of counters when it ends', async () => {
    const { child, first, all } = await start('--json', '--data', join(directory, 'json'))
    const listening = JSON.parse(first) as { event: string; addresses: string[]; peerId: string }
    assert.equal(listening.event, 'listening')
    assert.equal(listening.addresses.length, 1)
    assert.ok(listening.addresses[0]?.endsWith(`/p2p/${listening.peerId}`))
    child.kill('SIGTERM')
    assert.equal(await exitOf(child), 0)
    const lines = await all
    assert.equal(lines.length, 2)
    const counters = JSON.parse(lines[1] ?? '') as { event: string; accepted: { inbound: number } }
    assert.equal(counters.event, 'stopped')
    assert.equal(counters.accepted.inbound, 0)
  })

  test('is interrupted by SIGINT: it ends as cleanly, with exit code 130', async () => {
    const { child, all } = await start('--json', '--data', join(directory, 'interrupted'))
    child.kill('SIGINT')
    assert.equal(await exitOf(child), 130)
    const [, last] = await all
    assert.equal((JSON.parse(last ?? '') as { event: string }).event, 'stopped')
    assert.deepEqual(readdirSync(join(directory, 'interrupted')).sort(), ['chunks', 'identity.pem'])
  })

  test('that listens everywhere prints every address it can be dialled at, with its real port', async () => {
    const { child, first } = await startAt(EVERYWHERE, '--json', '--data', join(directory, 'everywhere'))
    const { addresses } = JSON.parse(first) as { addresses: string[] }
    const port = /\/udp\/(\d+)\//.exec(addresses[0] ?? '')?.[1]
    const others = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'))
    const expected = ['127.0.0.1', ...new Set(others.map(({ address }) => address))].slice(0, 16)
    assert.deepEqual(
      addresses.map((address) => address.split('/p2p/')[0]),
      expected.map((ip) => `/ip4/${ip}/udp/${port}/quic-v1`),
    )
    await using client = await createNode({ listen: [EVERYWHERE] })
    for (const address of addresses) {
      const { peerId } = await client.transport.connectPeer(address)
      assert.ok(address.endsWith(`/p2p/${peerId}`))
      client.transport.disconnectPeer(peerId)
    }
    child.kill('SIGTERM')
    assert.equal(await exitOf(child), 0)
  })

  test('keeps its identity, which id prints, in a file for its owner alone', async () => {
    const data = join(directory, 'kept')
    const { child, first } = await start('--data', data)
    child.kill('SIGTERM')
    await exitOf(child)
    const { stdout, code } = await run(['id', '--data', data])
    assert.equal(code, 0)
    assert.equal(first.split('/p2p/')[1], stdout.trim())
    const identity = readdirSync(data).find((name) => name.startsWith('identity'))
    assert.ok(identity !== undefined)
    assert.equal(statSync(join(data, identity)).mode & 0o777, 0o600)
  })

  test('refuses a data directory that another node uses', async () => {
    const data = join(directory, 'shared')
    await start('--data', data)
    const second = await run(['start', '--listen', LISTEN, '--data', data, '--json'])
    assert.equal(resultOf<Failure>(second).error.code, 'DATA_DIR_IN_USE')
    assert.equal(second.code, 1)
  })

  test('refuses a damaged identity and leaves it as it is', async () => {
    const data = join(directory, 'damaged')
    const { child } = await start('--data', data)
    child.kill('SIGTERM')
    await exitOf(child)
    const identity = join(data, readdirSync(data).find((name) => name.startsWith('identity')) ?? '')
    writeFileSync(identity, 'damaged')
    const second = await run(['start', '--listen', LISTEN, '--data', data, '--json'])
    assert.equal(resultOf<Failure>(second).error.code, 'IDENTITY_DAMAGED')
    assert.equal(statSync(identity).size, 'damaged'.length)
  })
})
