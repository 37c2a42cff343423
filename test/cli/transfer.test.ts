// `put` and `get` against a real network, as a person in a shell uses them.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
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
    const same = await pipe(['put', file, ...bootstrap, '--json'], NOTHING)
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
