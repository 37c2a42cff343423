// The log of a command: JSON on stderr and nothing of it elsewhere, no secret in it, and nobody held up by whoever reads it slowly or not at all.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { openLog } from '../../src/cli/log.ts'
import { LogStream, WAITING_MAX } from '../../src/cli/log-stream.ts'
import { ask } from '../admin/client.ts'
import { BIN } from './run.ts'

const TOKEN = 'a-token-of-some-length'
const directory = mkdtempSync(join(tmpdir(), 'sallyport-log-'))
const running: ChildProcess[] = []
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

const start = (data: string, ...words: string[]): string[] =>
  [BIN, 'start', '--json', '--listen', '/ip4/127.0.0.1/udp/0/quic-v1', '--data', join(directory, data)].concat(words)

interface Line {
  readonly level: string
  readonly time: string
  readonly msg: string
  readonly leftOut?: number
}

const parsed = (lines: string): Line[] =>
  lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)

/** A pipe that is full, with both its ends; whoever writes to it waits, or is told that there is no room. */
const fullPipe = (name: string): { readonly path: string; readonly descriptor: number } => {
  const path = join(directory, name)
  execFileSync('mkfifo', [path])
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  assert.throws(
    () => {
      for (;;) writeSync(descriptor, 'x'.repeat(4096))
    },
    { code: 'EAGAIN' },
  )
  return { path, descriptor }
}

const emptied = (descriptor: number): string => {
  const buffer = Buffer.alloc(1 << 20)
  let all = ''
  try {
    for (;;) all += buffer.toString('utf8', 0, readSync(descriptor, buffer))
  } catch {
    // There is no more.
  }
  return all
}

/** Sends what is no QUIC to a port, as any stranger can; so little that it fits into a socket's buffer, whatever the node is doing. */
const garbage = async (port: number): Promise<void> => {
  const socket = createSocket('udp4')
  const send = (n: number): Promise<unknown> =>
    new Promise((resolve) => socket.send(Buffer.alloc(20, n), port, '127.0.0.1', resolve))
  for (let n = 0; n < 100; n++) await send(n)
  await new Promise<void>((resolve) => socket.close(resolve))
}

const NO_PIPES = { skip: process.platform === 'win32' }

describe('the log of start', { concurrency: 2 }, () => {
  test('is JSON on stderr to its end, with no secret in it and no line for a stranger’s datagram, and stdout is as without', async () => {
    const words = start('plain', '--admin', '127.0.0.1:0')
    const env = { ...process.env, SALLYPORT_ADMIN_TOKEN: TOKEN }
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'], env })
    running.push(child)
    const [out, err] = [text(child.stdout), text(child.stderr)]
    const [first] = (await once(child.stdout, 'data')) as [Buffer]
    await garbage(Number(/\/udp\/(\d+)\//.exec(first.toString())?.[1]))
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
    const lines = parsed(await err)
    assert.deepEqual(
      lines.map(({ level, msg }) => `${level} ${msg}`),
      ['starting', 'listening', 'the admin server listens', 'told to stop', 'closing', 'closed'].map(
        (msg) => `info ${msg}`,
      ),
    )
    for (const { time } of lines) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const key = readFileSync(join(directory, 'plain', 'identity.pem'), 'utf8').split('\n')[1] ?? TOKEN
    for (const secret of [TOKEN, key.slice(0, 20)]) assert.ok(!(await err).includes(secret))
    const [listening, stopped] = parsed(await out) as unknown as { event: string; dropped: Record<string, number> }[]
    assert.deepEqual([listening?.event, stopped?.event], ['listening', 'stopped'])
    assert.ok(Object.values(stopped?.dropped ?? {}).reduce((a, b) => a + b, 0) > 50)
  })

  test('holds up nothing when nobody reads it: the node serves, and ends when it is told to', NO_PIPES, async () => {
    const { path, descriptor } = fullPipe('unread')
    const err = openSync(path, 'w')
    const words = start('unread-node', '--log-level', 'debug', '--admin', '127.0.0.1:0')
    const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', err] })
    running.push(child)
    closeSync(err)
    const exited = once(child, 'exit')
    const [line] = (await Promise.race([once(createInterface(child.stdout!), 'line'), exited])) as [string]
    const { admin } = JSON.parse(line) as { admin: string }
    while ((await ask(`${admin}/ready`)).status !== 200) await setTimeout(20)
    child.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
    closeSync(descriptor)
  })
})

describe('a stream of lines', () => {
  /** Somebody who reads nothing until he is told to. */
  const sleeper = () => {
    const sink = {
      written: [] as string[],
      writableLength: 0,
      write: (line: string): void => {
        sink.written.push(line)
        sink.writableLength += line.length
      },
    }
    return sink
  }

  test('keeps so much for a slow reader, leaves out the rest, and says how many lines that were', async () => {
    const sink = sleeper()
    const log = await openLog('info', sink)
    assert.ok(log !== null)
    const all = 10_000
    for (let n = 0; n < all; n++) log.info({ n }, 'a line')
    assert.ok(sink.writableLength <= WAITING_MAX + 200, String(sink.writableLength))
    const before = sink.written.length
    sink.writableLength = 0
    log.info({ n: all }, 'a line')
    const lines = parsed(sink.written.join(''))
    assert.equal(lines.length, before + 2)
    const { level, leftOut, msg } = lines[before]!
    assert.deepEqual([level, leftOut, msg], ['warn', all - before, 'lines were left out: stderr is read too slowly'])
  })

  test('has what is as loud as was asked for, or louder', async () => {
    const sink = sleeper()
    const log = await openLog('warn', sink)
    log?.info({}, 'one')
    log?.warn({ two: 2 }, 'two')
    assert.match(sink.written.join(''), /^\{"level":"warn","time":"[^"]+","two":2,"msg":"two"\}\n$/)
    assert.equal(await openLog('silent', sink), null)
  })

  test('shows a terminal nothing that it would obey', () => {
    const sink = sleeper()
    new LogStream(sink).write('{"reason":"\u009B2J"}\n')
    assert.deepEqual(sink.written, ['{"reason":"?2J"}\n'])
  })

  test('waits for no terminal, and writes every line whole or not at all', NO_PIPES, () => {
    const { descriptor } = fullPipe('terminal')
    const stream = new LogStream(sleeper(), descriptor)
    const line = (n: number): string => `${JSON.stringify({ n, more: 'y'.repeat(9000) })}\n`
    stream.write(line(0))
    emptied(descriptor)
    for (let n = 1; n < 100; n++) stream.write(line(n))
    let all = emptied(descriptor)
    for (let n = 100; n < 103; n++) stream.write(line(n))
    all += emptied(descriptor)
    stream.write(line(103))
    all += emptied(descriptor)
    const lines = parsed(all) as unknown as { n?: number; leftOut?: number }[]
    const told = lines.reduce((sum, { n, leftOut = 0 }) => sum + leftOut + (n === undefined ? 0 : 1), 0)
    assert.equal(told, 104)
    assert.equal(lines.at(-1)?.n, 103)
    closeSync(descriptor)
  })
})
