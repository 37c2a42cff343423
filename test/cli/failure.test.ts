// What goes wrong on the command line is told in a message with its remedy, with the right exit code and never with a stack trace.
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { BIN, resultOf, run } from './run.ts'
import type { Failure } from './run.ts'

const NOBODY = '/ip4/127.0.0.1/udp/1/quic-v1'
const LINK = `sallyport:${'0'.repeat(64)}#${'f'.repeat(64)}`
const directory = mkdtempSync(join(tmpdir(), 'sallyport-cli-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** Runs with --json and checks what holds of every failure. */
const fails = async (words: readonly string[], code: string, exit: number): Promise<void> => {
  const finished = await run([...words, '--json'])
  const { error } = resultOf<Failure>(finished)
  assert.equal(error.code, code)
  assert.equal(finished.code, exit)
  assert.ok(error.message.length > 0 && error.remedy.length > 0)
  assert.match(finished.stderr, /^sallyport: .+\n {2}\S/m)
  assert.doesNotMatch(finished.stdout + finished.stderr, /\n\s+at /)
}

describe('the command line', { concurrency: 2 }, () => {
  test('tells a wrong argument with exit code 2', () => fails(['testnet', '--nodes', '3'], 'ARGUMENT_INVALID', 2))

  test('opens no window into a test network that anybody could look through', () =>
    fails(['testnet', '--admin', '0.0.0.0:0'], 'ARGUMENT_INVALID', 2))

  test('floods nothing but this machine', () => fails(['flood', '/ip4/192.0.2.1/udp/9/quic-v1'], 'ARGUMENT_INVALID', 2))

  test('tells a missing file before it dials', () =>
    fails(['put', join(directory, 'missing'), '--bootstrap', NOBODY], 'FILE_NOT_FOUND', 1))

  test('refuses to replace a file without --force', async () => {
    const out = join(directory, 'precious')
    writeFileSync(out, 'precious')
    await fails(['get', LINK, '--out', out, '--bootstrap', NOBODY], 'FILE_EXISTS', 1)
  })

  test('does not download what would have to replace a directory', async () => {
    for (const out of [directory, `${directory}/new/`])
      await fails(['get', LINK, '--out', out, '--force', '--bootstrap', NOBODY], 'ARGUMENT_INVALID', 2)
  })

  test('puts no file in the place of a device', { skip: process.platform === 'win32' }, async () => {
    const link = join(directory, 'void')
    symlinkSync('/dev/null', link)
    for (const out of ['/dev/null', link])
      await fails(['get', LINK, '--out', out, '--force', '--bootstrap', NOBODY], 'ARGUMENT_INVALID', 2)
  })

  test('tells a missing directory before it dials', async () => {
    const file = join(directory, 'a-file')
    writeFileSync(file, '')
    for (const out of [join(directory, 'none', 'out'), join(file, 'out')])
      await fails(['get', LINK, '--out', out, '--bootstrap', NOBODY], 'FILE_NOT_FOUND', 1)
  })

  test('starts no network for a file that cannot be uploaded', async () => {
    await fails(['testnet', '--upload', directory], 'ARGUMENT_INVALID', 2)
    await fails(['testnet', '--upload', join(directory, 'missing')], 'FILE_NOT_FOUND', 1)
  })

  test('tells that the data directory is a file, and offers no --force against it', async () => {
    const file = join(directory, 'no-directory')
    writeFileSync(file, '')
    await fails(['start', '--data', file], 'IO_FAILED', 1)
  })

  test('creates nothing when it prints an identity that is not there', () =>
    fails(['id', '--data', join(directory, 'nobody')], 'FILE_NOT_FOUND', 1).then(() =>
      assert.ok(!readdirSync(directory).includes('nobody')),
    ))

  test('tells an unreachable bootstrap node', async () => {
    const file = join(directory, 'small')
    writeFileSync(file, 'small')
    await fails(['put', file, '--bootstrap', NOBODY], 'BOOTSTRAP_UNREACHABLE', 1)
  })

  test('tells that its result did not fit on the disk', { skip: process.platform !== 'linux' }, async () => {
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [BIN, '--version'], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
    let stderr = ''
    child.stderr?.on('data', (text: Buffer) => (stderr += text.toString().slice(0, 1000)))
    const [code] = (await once(child, 'close')) as [number | null]
    clearTimeout(timer)
    assert.equal(code, 1)
    assert.match(stderr, /^sallyport: stdout could not be written: ENOSPC.*\n {2}Free some space.*\n$/)
  })

  test('is not bothered by a reader who went away', async () => {
    const child = spawn(process.execPath, [BIN, 'help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()))
    const [code] = (await once(child, 'exit')) as [number]
    assert.equal(stderr, '')
    assert.equal(code, 0)
  })
})
