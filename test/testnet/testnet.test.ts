// The test network through the command line: what it reports, and that it takes a file of one's own. How it ends is ending.test.ts; the
// large one is the README's demo.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from 'node:test'
import type { NetworkReading } from '../../src/admin/network-reading.ts'
import type { ReportParts } from '../../src/testnet/report.ts'
import type { TestnetReport } from '../../src/testnet/testnet.ts'
import { ask } from '../admin/client.ts'
import { resultOf, run } from '../cli/run.ts'
import type { Failure } from '../cli/run.ts'
import { directory, environment, leftovers, spawnTestnet, until } from './scratch.ts'

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
    assert.match(finished.stdout, /^8 nodes formed in [\d.]+ s\nuploaded 1 B as 1 chunk to 7 holders each in /)
    assert.match(
      finished.stdout,
      /\nidentical: yes \(sha256 ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\)\n/,
    )
  })

  test('goes on under load while nodes leave and come back, and nothing that was uploaded is lost', async () => {
    const words = ['--for', '8s', '--every', '2s', '--every-size', '200kB', '--churn', '50%/min', '--slow', '10%']
    const out = join(directory, 'report')
    const more = ['--silent', '10%', '--upload-size', '200kB', '--join-rate', '8', '--report', out, '--json']
    const finished = await run(['testnet', '--nodes', '20', ...words, ...more], environment)
    assert.equal(finished.code, 0, finished.stdout + finished.stderr)
    const { load } = resultOf<TestnetReport>(finished)
    assert.ok(load !== undefined && load.files.length > 0)
    assert.deepEqual(
      load.files.filter(({ bytes, identical, failed }) => bytes !== 200_000 || !identical || failed !== null),
      [],
    )
    assert.ok(load.departures > 0)
    assert.deepEqual([load.readBack, load.lost], [load.files.length, 0])
    assert.match(readFileSync(join(out, 'index.html'), 'utf8'), /A test network of 20 nodes/)
    const { report, samples } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as ReportParts
    assert.deepEqual(report, resultOf<TestnetReport>(finished))
    assert.ok(samples.length > 1 && samples.some(({ connections, rssBytes }) => connections > 0 && rssBytes > 0))
    assert.deepEqual(leftovers(), [])
  })

  test('names each aim that it missed, and fails by them alone', async () => {
    const words = ['testnet', '--nodes', '8', '--upload-size', '1kB', '--check', '--json']
    const finished = await run(words, environment)
    const { aims = [], rest, error } = resultOf<TestnetReport & Partial<Failure>>(finished)
    const missed = aims.filter(({ met }) => met === false)
    assert.equal(aims.length, 10)
    assert.ok(rest !== undefined && rest.handshakes > 0 && rest.rssBytes > 0 && rest.cores > 0)
    // Two processes for eight nodes: what each process takes by itself is more than eight nodes may.
    assert.ok(missed.some(({ name }) => name === 'resident memory a node'))
    assert.equal(finished.code, 1)
    for (const { name } of missed) assert.ok(error?.message.includes(name), name)
    for (const { name } of aims.filter(({ met }) => met !== false)) assert.ok(!error?.message.includes(name), name)
  })

  test('lets another terminal take part by its manifest, which goes with it, and a browser watch', async () => {
    const manifest = join(directory, 'network.json')
    const words = ['--upload-size', '1kB', '--for', '10m', '--every', '1m']
    const child = spawnTestnet(...words, '--manifest', manifest, '--admin', '127.0.0.1:0', '--silent', '25%')
    const exited = once(child, 'exit')
    const reader = createInterface(child.stdout)
    const [first] = (await once(reader, 'line')) as [string]
    const [, url = ''] = /^the network can be seen at (http:\S+)$/.exec(first) ?? []
    reader.resume()
    await until(() => existsSync(manifest) || child.exitCode !== null)
    const file = join(directory, 'shared')
    writeFileSync(file, 'for everybody')
    const put = await run(['put', file, '--bootstrap', `@${manifest}`])
    assert.equal(put.code, 0, put.stderr)
    const out = join(directory, 'shared-copy')
    const got = await run(['get', put.stdout.trim(), '--out', out, '--bootstrap', `@${manifest}`])
    assert.equal(got.code, 0, got.stderr)
    assert.equal(readFileSync(out, 'utf8'), 'for everybody')
    const flooded = await run(['flood', `@${manifest}`, '--clients', '4', '--json'])
    assert.equal(flooded.code, 0, flooded.stderr)
    assert.equal((await ask(`${url}/ready`)).status, 200)
    let body = ''
    while (!body.includes('Under load')) ({ body } = await ask(`${url}/network`))
    const seen = JSON.parse(body) as NetworkReading
    const silent = seen.nodes.filter(({ state }) => state === 'silent')
    assert.deepEqual([seen.nodes.length, silent.length], [8, 2])
    assert.equal(new Set(seen.nodes.map(({ peerId }) => peerId)).size, 8)
    assert.ok(seen.formedMs !== null && seen.formedMs > 0)
    assert.ok(seen.first?.bytes === 1000 && (seen.first.downloadMs ?? 0) > 0)
    assert.ok(seen.sample !== null && seen.sample.rssBytes > 0 && seen.sample.verdicts.slots > 0)
    assert.doesNotMatch(body, /sallyport:[0-9a-f]/)
    child.kill('SIGINT')
    assert.deepEqual(await exited, [130, null])
    assert.deepEqual([existsSync(manifest), leftovers()], [false, []])
  })

  test('says which file is missing', async () => {
    const finished = await run(['testnet', '--upload', join(directory, 'missing'), '--json'], environment)
    assert.equal(resultOf<Failure>(finished).error.code, 'FILE_NOT_FOUND')
    assert.equal(finished.code, 1)
  })
})
