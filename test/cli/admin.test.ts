// `start --admin` as an operator meets it: what a node of a network shows, and what it takes to show it to others than this machine.
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { after, afterEach, describe, test } from 'node:test'
import { ask } from '../admin/client.ts'
import { BIN, type Failure, resultOf, run } from './run.ts'

const LISTEN = ['--listen', '/ip4/127.0.0.1/udp/0/quic-v1']
const TOKEN = 'a-token-of-some-length'
const directory = mkdtempSync(join(tmpdir(), 'sallyport-admin-'))
const running = new Set<ChildProcessByStdio<null, Readable, null>>()
after(() => rmSync(directory, { recursive: true, force: true }))
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
  running.clear()
})

let made = 0
const data = (): string[] => ['--data', join(directory, `node-${made++}`)]

interface Listening {
  readonly addresses: readonly string[]
  readonly peerId: string
  readonly admin: string
}

/** Starts a node and resolves with what it says of itself when it listens. */
const start = async (words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Listening> => {
  const env = { ...process.env, ...environment }
  const options = { stdio: ['ignore', 'pipe', 'inherit'] as ['ignore', 'pipe', 'inherit'], env }
  const child = spawn(
    process.execPath,
    [BIN, 'start', '--json', '--log-level', 'warn', ...LISTEN, ...data(), '--admin', '127.0.0.1:0', ...words],
    options,
  )
  running.add(child)
  for await (const line of createInterface(child.stdout)) return JSON.parse(line) as Listening
  return assert.fail('start printed nothing')
}

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50))
}

describe('start --admin', () => {
  test('shows who is connected, and the numbers of both sides agree', async () => {
    const first = await start([])
    const [bootstrap = ''] = first.addresses
    const second = await start(['--bootstrap', bootstrap])
    await until(async () => (await ask(`${second.admin}/ready`)).status === 200)
    const peers = async ({ admin }: Listening): Promise<string[]> => {
      const { body } = await ask(`${admin}/snapshot`)
      if (!body.startsWith('{')) return []
      const { connections } = JSON.parse(body) as { connections: { rows: { peerId: string; state: string }[] } }
      return connections.rows.flatMap(({ peerId, state }) => (state === 'identified' ? [peerId] : []))
    }
    await until(async () => (await peers(first)).length === 1 && (await peers(second)).length === 1)
    assert.deepEqual(await peers(first), [second.peerId])
    assert.deepEqual(await peers(second), [first.peerId])
    assert.match((await ask(`${first.admin}/metrics`)).body, /^sallyport_identified_total\{direction="inbound"\} 1$/m)
    assert.match((await ask(`${second.admin}/metrics`)).body, /^sallyport_identified_total\{direction="outbound"\} 1$/m)
  })

  test('asks for the token of a file or of the environment', async () => {
    const file = join(directory, 'token')
    writeFileSync(file, `${TOKEN}\n`)
    for (const { admin } of [
      await start(['--admin-token-file', file]),
      await start([], { SALLYPORT_ADMIN_TOKEN: TOKEN }),
    ]) {
      assert.equal((await ask(`${admin}/snapshot`)).status, 401)
      assert.notEqual((await ask(`${admin}/snapshot`, { headers: { Authorization: `Bearer ${TOKEN}` } })).status, 401)
      assert.equal((await ask(`${admin}/health`)).status, 200)
    }
  })

  test('answers to the names it was given', async () => {
    const { admin } = await start(['--admin-host', 'node.example'])
    assert.equal((await ask(`${admin}/health`, { headers: { Host: 'node.example' } })).status, 200)
    assert.equal((await ask(`${admin}/health`, { headers: { Host: 'other.example' } })).status, 421)
  })

  test('is refused where it could be reached from elsewhere as it is, and where its options make no sense', async () => {
    const empty = join(directory, 'empty')
    writeFileSync(empty, '\n')
    const wrong: readonly (readonly string[])[] = [
      ['--admin', '0.0.0.0:0'],
      ['--admin', '127.0.0.1:0', '--admin-token-file', empty],
      ['--admin', '127.0.0.1:0', '--admin-tls-cert', empty],
      ['--admin', '127.0.0.1:0', '--admin-tls-cert', empty, '--admin-tls-key', empty],
      ['--admin-insecure'],
      ['--admin-host', 'a'],
    ]
    for (const words of wrong) {
      const finished = await run(['start', '--json', ...LISTEN, ...data(), ...words])
      assert.deepEqual(
        [finished.code, resultOf<Failure>(finished).error.code],
        [2, 'ARGUMENT_INVALID'],
        words.join(' '),
      )
    }
    const missing = await run([
      'start',
      '--json',
      ...LISTEN,
      ...data(),
      '--admin',
      '127.0.0.1:0',
      '--admin-token-file',
      join(directory, 'none'),
    ])
    assert.equal(resultOf<Failure>(missing).error.code, 'FILE_NOT_FOUND')
  })
})
