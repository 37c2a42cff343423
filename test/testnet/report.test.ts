// The report of a test network: a page that stands by itself, says what was measured, and can hold any text.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Histogram } from '../../src/core/histogram.ts'
import { stateFileOf } from '../../src/cli/state-directory.ts'
import { chart } from '../../src/testnet/chart.ts'
import { prepareReport, reportPage, writeReport } from '../../src/testnet/report.ts'
import { NO_SAMPLE, Sampling, addHostSamples, sampleOf } from '../../src/testnet/sampling.ts'
import type { HostSample, Sample } from '../../src/testnet/sampling.ts'
import type { TestnetReport } from '../../src/testnet/testnet.ts'
import { NO_TOTALS } from '../../src/testnet/totals.ts'
import { run } from '../cli/run.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const REPORT: TestnetReport = {
  ...NO_TOTALS,
  nodes: 12,
  formedMs: 345,
  uploads: [{ bytes: 7, chunks: 1, ms: 89, link: 'sallyport:0' }],
  downloads: [{ bytes: 7, ms: 67, identical: true }],
  rssBytes: 1e8,
  aims: [
    { name: 'formation <b>', aim: 'at most 1 s', measured: '2 s & more', met: false },
    { name: 'idle CPU', aim: 'at most 1', measured: '0.5', met: true },
    { name: 'quarters', aim: 'at most 1.05', measured: 'not measured', met: null },
  ],
  load: {
    files: [
      { atMs: 0, bytes: 7, uploadMs: 40, downloadMs: 20, identical: true, failed: null },
      { atMs: 5000, bytes: 7, uploadMs: 50, downloadMs: null, identical: false, failed: 'CHUNK_NOT_FOUND' },
    ],
    departures: 3,
    late: 0,
    readBack: 2,
    lost: 1,
  },
}

const sampleAt = (atMs: number): Sample => ({
  atMs,
  connections: 100 + atMs,
  rssBytes: 2e8,
  verdicts: { slots: atMs, retries: 1, refused: 0, dropped: 0 },
  identityP50Ms: 2,
  identityP99Ms: atMs === 1000 ? null : 30,
  eventLoopP99Ms: 4,
})

const PARTS = { report: REPORT, samples: [0, 1000, 2000].map(sampleAt) }

describe('the report', () => {
  test('is a page without a script or anything from elsewhere, for light and dark', () => {
    const page = reportPage(PARTS)
    assert.doesNotMatch(page, /<script|<link|<img|src=|href=|url\(|https?:|@import/i)
    assert.match(page, /default-src 'none'/)
    assert.match(page, /color-scheme" content="light dark"/)
  })

  test('says of each aim what became of it, whatever its text', () => {
    const page = reportPage(PARTS)
    assert.match(
      page,
      /<th scope="row">formation &lt;b&gt;<\/th><td>at most 1 s<\/td><td>2 s &amp; more<\/td><td><span class="missed">missed/,
    )
    assert.match(page, /idle CPU<\/th>.*?<td>met<\/td>/)
    assert.match(page, /quarters<\/th>.*?<td>not measured<\/td><td>not measured<\/td>/)
  })

  test('draws six charts, each said in words too, and gaps where nothing was measured', () => {
    const page = reportPage(PARTS)
    const words = [...page.matchAll(/aria-label="([^"]+)"/g)].map(([, label]) => label)
    assert.deepEqual(words, [
      'Files under load: from 20 to 50 ms in 5 s',
      'Identity latency, from the end of a handshake: from 2 to 30 ms in 2 s',
      'Verdicts of the gates, all so far: from 0 to 2,000  in 2 s',
      'Connections, each counted at both ends: from 100 to 2,100  in 2 s',
      'Resident memory: from 200 to 200 MB in 2 s',
      'Event-loop delay: from 4 to 4 ms in 2 s',
    ])
    const p99 = chart({
      title: 't',
      unit: '',
      lines: [{ name: 'p99', points: [0, 1, 2].map((n) => ({ atMs: n, value: n === 1 ? null : n })) }],
    })
    assert.equal(p99.match(/M/g)?.length, 2)
    assert.match(reportPage({ report: REPORT, samples: [] }), /Nothing was measured/)
  })

  test('replaces an earlier one, with its figures beside it', async () => {
    const out = join(directory, 'a', 'report')
    await prepareReport(out)
    for (let n = 0; n < 2; n++) await writeReport(out, PARTS)
    assert.deepEqual(readdirSync(out).toSorted(), ['index.html', 'report.json'])
    assert.deepEqual(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')), PARTS)
  })

  test('is refused at once where it could not be written', async () => {
    const file = join(directory, 'file')
    writeFileSync(file, '')
    for (const place of [file, join(file, 'report')]) await assert.rejects(prepareReport(place), { code: 'IO_FAILED' })
  })

  test(
    'is refused, and not tried for ever, where the system makes no directory',
    { skip: !existsSync('/proc/self') },
    async () => {
      const finished = await run(['testnet', '--nodes', '8', '--report', '/proc/sallyport/report'])
      assert.equal(finished.code, 1, finished.stderr)
      const stateFile = stateFileOf('/proc/sallyport/state', directory, { private: false })
      await assert.rejects(stateFile, { code: 'IO_FAILED' })
    },
  )
})

describe('a sample', () => {
  const hostWith = (times: readonly number[]): HostSample => {
    const histogram = new Histogram()
    for (const ms of times) histogram.record(ms)
    return { ...NO_SAMPLE, connections: 2, rssBytes: 5, identity: histogram.snapshot() }
  }

  test('has what was timed since the one before, of all hosts together', () => {
    const before = addHostSamples(hostWith([1, 1]), hostWith([1]))
    const now = addHostSamples(hostWith([1, 1, 100]), hostWith([1, 100]))
    const sample = sampleOf(7.4, before, now)
    assert.deepEqual([sample.atMs, sample.connections, sample.rssBytes], [7, 4, 10])
    assert.ok((sample.identityP50Ms ?? 0) >= 100)
    assert.equal(sample.eventLoopP99Ms, null)
    assert.equal(sampleOf(0, now, now).identityP99Ms, null)
  })

  test('is the last when nothing can be looked at any more', async () => {
    let looks = 0
    const samples: Sample[] = []
    const look = async (): Promise<HostSample> => {
      if (++looks > 2) throw new Error('gone')
      return NO_SAMPLE
    }
    const sampling = new Sampling(look, (sample) => samples.push(sample))
    await sampling.run(1, new AbortController().signal)
    assert.equal(samples.length, 2)
  })
})
