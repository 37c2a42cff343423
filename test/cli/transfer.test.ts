// `put` and `get` against a real network, as a person in a shell uses them.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { BIN } from './run.ts'
import { pipe, startNetwork } from './small-network.ts'

const network = await startNetwork()
after(() => network.close())
const bootstrap = ['--bootstrap', network.bootstrap]
const NOTHING = new Uint8Array(0)
const ABSENT = `sallyport:${'0'.repeat(64)}#${'f'.repeat(64)}`

const lastLine = (text: string): Record<string, unknown> =>
  JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>

describe('a transfer', () => {
  const bytes = Uint8Array.from(randomBytes(5_000_001))

  test('takes a file from stdin and gives it to stdout, where nothing else comes', async () => {
    const up = await pipe(['put', '-', ...bootstrap], bytes)
    assert.equal(up.code, 0, up.stderr)
    const link = Buffer.from(up.stdout).toString().trim()
    const file = join(network.directory, 'file')
    writeFileSync(file, bytes)
    const state = join(network.directory, 'state')
    const same = await pipe(['put', file, ...bootstrap, '--state', state, '--json'], NOTHING)
    assert.deepEqual([lastLine(Buffer.from(same.stdout).toString())['link'], same.code], [link, 0])
    const down = await pipe(['get', link, '--out', '-', ...bootstrap], NOTHING)
    assert.equal(down.code, 0, down.stderr)
    assert.deepEqual(down.stdout, bytes)
    assert.match(down.stderr, /downloaded 5\.0 MB to stdout in /)
    const told = await pipe(['get', link, '--out', '-', '--json', ...bootstrap], NOTHING)
    assert.deepEqual(told.stdout, bytes)
    assert.deepEqual([lastLine(told.stderr)['out'], lastLine(told.stderr)['bytes']], ['-', bytes.length])
    const copy = join(network.directory, 'copy')
    assert.equal((await pipe(['get', link, '--out', copy, ...bootstrap], NOTHING)).code, 0)
    assert.deepEqual(Uint8Array.from(readFileSync(copy)), bytes)
  })

  test(
    'goes up though nothing can be kept for continuing it, and says so',
    { skip: !existsSync('/proc') },
    async () => {
      const file = join(network.directory, 'homeless')
      writeFileSync(file, 'content')
      const home = { HOME: '/proc/nobody', XDG_STATE_HOME: '' }
      const up = await pipe(['put', file, ...bootstrap], NOTHING, home)
      assert.equal(up.code, 0, up.stderr)
      assert.match(up.stderr, /^should it be interrupted, it cannot be continued: /m)
      const asked = await pipe(['put', file, ...bootstrap, '--state', '/proc/nobody', '--json'], NOTHING)
      assert.equal(asked.code, 1)
    },
  )

  test('keeps a directory, with its names and modes', { skip: process.platform === 'win32' }, async () => {
    const directory = join(network.directory, 'tree')
    mkdirSync(join(directory, 'sub', 'empty'), { recursive: true })
    writeFileSync(join(directory, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 })
    writeFileSync(join(directory, 'sub', '.hidden'), bytes.subarray(0, 300_000))
    chmodSync(join(directory, 'sub', '.hidden'), 0o640)
    chmodSync(join(directory, 'sub'), 0o750)
    const state = ['--state', join(network.directory, 'state')]
    const up = await pipe(['put', directory, ...bootstrap, ...state, '--json'], NOTHING)
    assert.equal(up.code, 0, up.stderr)
    const told = lastLine(Buffer.from(up.stdout).toString())
    assert.deepEqual([told['skipped'], told['chunks']], [[], 1])
    const link = String(told['link'])
    assert.ok(link.endsWith('/'))
    assert.deepEqual(readdirSync(join(network.directory, 'state')), [])
    const copy = join(network.directory, 'restored')
    const down = await pipe(['get', link, '--out', `${copy}/`, ...bootstrap], NOTHING)
    assert.equal(down.code, 0, down.stderr)
    assert.deepEqual(
      readdirSync(copy, { recursive: true }).toSorted((a, b) => (a < b ? -1 : 1)),
      ['run.sh', 'sub', 'sub/.hidden', 'sub/empty'],
    )
    for (const [path, mode] of [
      ['run.sh', 0o755],
      ['sub/.hidden', 0o640],
      ['sub', 0o750],
    ] as const)
      assert.equal(statSync(join(copy, path)).mode & 0o777, mode, path)
    assert.deepEqual(Uint8Array.from(readFileSync(join(copy, 'sub', '.hidden'))), bytes.subarray(0, 300_000))
    const again = await pipe(['get', link, '--out', copy, '--force', ...bootstrap], NOTHING)
    assert.equal(again.code, 1)
    symlinkSync('/etc', join(directory, 'link'))
    const refused = await pipe(['put', directory, ...bootstrap, ...state, '--json'], NOTHING)
    assert.equal(refused.code, 1)
    assert.equal(
      (lastLine(Buffer.from(refused.stdout).toString())['error'] as { code: string }).code,
      'DIRECTORY_UNFIT',
    )
    const left = await pipe(['put', directory, ...bootstrap, ...state, '--skip-links', '--json'], NOTHING)
    assert.deepEqual([lastLine(Buffer.from(left.stdout).toString())['skipped'], left.code], [['link'], 0])
    // Bytes that are no UTF-8 can be a name here, and would be another one everywhere else.
    if (process.platform !== 'linux') return
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/a`), Buffer.of(0xff)]), '')
    const named = await pipe(['put', directory, ...bootstrap, ...state, '--skip-links', '--json'], NOTHING)
    assert.equal((lastLine(Buffer.from(named.stdout).toString())['error'] as { code: string }).code, 'DIRECTORY_UNFIT')
  })

  test('that was interrupted continues when the same file is put again', async () => {
    const file = join(network.directory, 'long')
    const long = Uint8Array.from(randomBytes(24 * 1024 * 1024))
    writeFileSync(file, long)
    const state = join(network.directory, 'long-state')
    const words = ['put', file, ...bootstrap, '--state', state, '--private', '--json']
    const child = spawn(process.execPath, [BIN, ...words], { stdio: 'ignore' })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    const placed = (): boolean =>
      existsSync(state) && readdirSync(state).some((name) => statSync(join(state, name)).size > 700)
    while (!placed()) await new Promise((resolve) => setTimeout(resolve, 10))
    child.kill('SIGKILL')
    await exited
    const [name = ''] = readdirSync(state)
    assert.equal(statSync(join(state, name)).mode & 0o777, 0o600)
    const up = await pipe(words, NOTHING)
    assert.equal(up.code, 0, up.stderr)
    const told = lastLine(Buffer.from(up.stdout).toString())
    assert.ok(Number(told['resumed']) >= 1)
    assert.deepEqual(readdirSync(state), [])
    const down = await pipe(['get', String(told['link']), '--out', '-', ...bootstrap], NOTHING)
    assert.deepEqual(down.stdout, long)
  })

  test('that fails writes nothing wrong to stdout, a message to stderr, and exits with 1', async () => {
    const plain = await pipe(['get', ABSENT, '--out', '-', ...bootstrap], NOTHING)
    assert.deepEqual([plain.code, plain.stdout.length], [1, 0])
    assert.match(plain.stderr, /^sallyport: no peer gave chunk /m)
    const told = await pipe(['get', ABSENT, '--out', '-', '--json', ...bootstrap], NOTHING)
    assert.deepEqual([told.code, told.stdout.length], [1, 0])
    assert.equal((lastLine(told.stderr)['error'] as { code: string }).code, 'CHUNK_NOT_FOUND')
  })

  test('whose reader goes away is no failure', { skip: process.platform === 'win32' }, async () => {
    const up = await pipe(['put', '-', ...bootstrap], bytes)
    const link = Buffer.from(up.stdout).toString().trim()
    const child = spawn(process.execPath, [BIN, 'get', link, '--out', '-', ...bootstrap], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
    child.stdout.once('data', () => child.stdout.destroy())
    const code = await new Promise((resolve) => child.once('close', resolve))
    assert.deepEqual([code, stderr], [0, ''])
  })
})
