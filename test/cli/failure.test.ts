// What goes wrong on the command line is told in a message with its remedy, with the right exit code and never with a stack trace.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

  test('floods nothing but this machine', () => fails(['flood', '/ip4/192.0.2.1/udp/9/quic-v1'], 'ARGUMENT_INVALID', 2))

  test('tells a missing file before it dials', () =>
    fails(['put', join(directory, 'missing'), '--bootstrap', NOBODY], 'FILE_NOT_FOUND', 1))

  test('refuses to replace a file without --force', async () => {
    const out = join(directory, 'precious')
    writeFileSync(out, 'precious')
    await fails(['get', LINK, '--out', out, '--bootstrap', NOBODY], 'FILE_EXISTS', 1)
  })

  test('creates nothing when it prints an identity that is not there', () =>
    fails(['id', '--data', join(directory, 'none')], 'FILE_NOT_FOUND', 1))

  test('tells an unreachable bootstrap node', async () => {
    const file = join(directory, 'small')
    writeFileSync(file, 'small')
    await fails(['put', file, '--bootstrap', NOBODY], 'BOOTSTRAP_UNREACHABLE', 1)
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
