// The test network through the command line: what it reports, that it takes a file of one's own, and that nothing is left behind
// however it ends. The large one is the README's demo.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, test } from 'node:test'
import type { TestnetReport } from '../../src/testnet/testnet.ts'
import { BIN, resultOf, run } from '../cli/run.ts'
import type { Failure } from '../cli/run.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** The command keeps everything under TMPDIR, which here is a directory of this test alone. */
const environment = { TMPDIR: directory }
const leftovers = (): string[] => readdirSync(directory).filter((name) => name.startsWith('sallyport-testnet-'))

describe('a test network', () => {
  test('reports what every part of the job did', async () => {
    const finished = await run(['testnet', '--nodes', '10', '--upload-size', '3MB', '--json'], environment)
    assert.equal(finished.code, 0, finished.stdout + finished.stderr)
    const report = resultOf<TestnetReport>(finished)
    assert.equal(report.nodes, 10)
    assert.ok(report.formedMs > 0)
    assert.deepEqual(
      report.uploads.map(({ bytes, chunks }) => ({ bytes, chunks })),
      [{ bytes: 3_000_000, chunks: 1 }],
    )
    assert.deepEqual(
      report.downloads.map(({ bytes, identical }) => ({ bytes, identical })),
      [{ bytes: 3_000_000, identical: true }],
    )
    assert.ok(report.accepted > 0)
    assert.equal(report.registered, report.accepted)
    assert.equal(report.reading, report.accepted)
    assert.equal(report.identityTimeouts, 0)
    assert.ok(report.udpBytesSent >= 7 * 3_000_000)
    assert.ok(report.rssBytes > 0)
    assert.deepEqual(leftovers(), [])
  })

  test('takes a file of one byte', async () => {
    const file = join(directory, 'byte')
    writeFileSync(file, 'a')
    const finished = await run(['testnet', '--nodes', '8', '--upload', file], environment)
    assert.equal(finished.code, 0, finished.stdout + finished.stderr)
    assert.match(finished.stdout, /^8 nodes formed in [\d.]+ s\nuploaded 1 B as 1 chunks to 7 holders each in /)
    assert.match(
      finished.stdout,
      /\nidentical: yes \(sha256 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\)\n/,
    )
  })

  test('ends its processes and removes its files when it is interrupted', async () => {
    const child = spawn(process.execPath, [BIN, 'testnet', '--nodes', '8'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, ...environment },
    })
    const exited = once(child, 'exit')
    await Promise.race([once(createInterface(child.stdout), 'line'), exited])
    child.kill('SIGINT')
    assert.deepEqual(await exited, [130, null])
    assert.deepEqual(leftovers(), [])
  })

  test('says which file is missing', async () => {
    const finished = await run(['testnet', '--upload', join(directory, 'missing'), '--json'], environment)
    assert.equal(resultOf<Failure>(finished).error.code, 'FILE_NOT_FOUND')
    assert.equal(finished.code, 1)
  })
})
