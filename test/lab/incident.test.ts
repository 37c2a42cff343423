// The incident in little, what is kept of a replay, and what the report makes of figures.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { barsOf } from '../../src/lab/incident/bars.ts'
import { Incident } from '../../src/lab/incident/incident.ts'
import { svgOf } from '../../src/lab/incident/plot.ts'
import { readReplay, type Replay, writeReplay } from '../../src/lab/incident/record.ts'
import { writeReport } from '../../src/lab/incident/report.ts'
import { changed, type IncidentSettings, type Path, SHORT } from '../../src/lab/incident/settings.ts'
import type { Period } from '../../src/lab/incident/tally.ts'
import { verdictOf } from '../../src/lab/incident/verdict.ts'

const LITTLE: IncidentSettings = {
  ...SHORT,
  hosts: 12,
  clients: 1,
  joinMs: 20_000,
  ms: 180_000,
  periodMs: 90_000,
  outageEveryMs: 120_000,
  outageMs: 35_000,
  chunks: 8,
  chunkMs: 500,
}

const replay = async (path: Path, settings = LITTLE): Promise<Incident> => {
  const incident = new Incident(path, settings)
  await incident.run(() => true)
  return incident
}

const period = (upload: number, more: Partial<Period> = {}): Period => ({
  ms: 60_000,
  uploads: [upload],
  coldUploads: [],
  exchangesDone: 1,
  exchangesTimedOut: 0,
  slowTimedOut: 0,
  clientTimedOut: 0,
  exchangeP99Ms: 1,
  accepted: 5,
  gap: 0,
  lockWaitMs: 0,
  senderWaitMs: 0,
  heldMs: 0,
  queueDepth: 0,
  swallowed: 0,
  stale: 0,
  dropped: 0,
  messagesDropped: 0,
  busy: 0,
  alarms: { unreadMs: Infinity, identityTimeoutsMs: Infinity, identityOutMs: Infinity },
  ...more,
})

const kept = (path: Path, periods: readonly Period[]): Replay => ({
  path,
  settings: LITTLE,
  periods,
  hashes: periods.map((_, n) => String(n)),
  seconds: 1,
  isWhole: true,
})

describe('the incident in little', () => {
  it('under our accept path nobody waits for a lock, and whoever was accepted is read', async () => {
    const { periods } = await replay('sallyport')
    assert.equal(periods.length, 2)
    assert.ok(periods.some(({ uploads }) => uploads.length > 0))
    for (const { gap, heldMs, swallowed, accepted, alarms } of periods) {
      assert.ok(accepted > 10)
      assert.equal(alarms.unreadMs, Infinity)
      assert.deepEqual([gap, heldMs, swallowed], [0, 0, 0])
    }
  })

  it('under the first one of the history a lock is held for seconds, and whoever comes again is not announced to', async () => {
    const { periods } = await replay('inline')
    assert.ok(Math.max(...periods.map(({ heldMs }) => heldMs)) > 1000)
    assert.ok(Math.max(...periods.map(({ senderWaitMs }) => senderWaitMs)) > 1000)
    assert.ok(periods.reduce((sum, { swallowed }) => sum + swallowed, 0) > 10)
    assert.ok((periods.at(-1)?.alarms.unreadMs ?? Infinity) < LITTLE.ms, 'the gap shows')
  })

  it('what is left out of the history shows no more, and is all that differs', async () => {
    const settings = changed(LITTLE, ['-announcesOncePerAddress', '-holdsAcrossSend'])
    const { periods } = await replay('inline', settings)
    for (const { swallowed, heldMs } of periods) assert.deepEqual([swallowed, heldMs], [0, 0])
  })

  it('is the same each time', async () => {
    const [once, again] = [await replay('spawned'), await replay('spawned')]
    assert.equal(once.hash, again.hash)
    assert.deepEqual(once.periods, again.periods)
  })
})

describe('what is kept of a replay', () => {
  it('is found again for its own path and settings, and for no others', () => {
    const directory = mkdtempSync(join(tmpdir(), 'lab-'))
    const file = join(directory, 'replays', 'inline.json')
    try {
      const written = kept('inline', [period(10), period(NaN, { exchangeP99Ms: NaN })])
      assert.equal(readReplay(file, 'inline', LITTLE), null)
      writeReplay(file, written)
      const read = readReplay(file, 'inline', LITTLE)
      assert.deepEqual(read?.periods[0], written.periods[0])
      assert.ok(Number.isNaN(read?.periods[1]?.exchangeP99Ms))
      assert.equal(readReplay(file, 'spawned', LITTLE), null)
      assert.equal(readReplay(file, 'inline', { ...LITTLE, seed: 2 }), null)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})

describe('the settings of a lab', () => {
  it('change by name, and nothing that there is not', () => {
    const settings = changed(SHORT, ['chunkMs=0', '-hasShards', 'heldUntil=identified'])
    assert.equal(settings.chunkMs, 0)
    assert.deepEqual([settings.history.hasShards, settings.history.heldUntil], [false, 'identified'])
    for (const change of ['nothing=1', '-nothing', 'chunkMs=x', 'heldUntil=never']) {
      assert.throws(() => changed(SHORT, [change]), change)
    }
  })
})

describe('the verdict', () => {
  const ours = (first: number, last: number, more: Partial<Period> = {}): Replay =>
    kept('sallyport', [period(first), period(last, more)])
  const theirs = (last: number): Replay => kept('inline', [period(10), period(last)])

  it('holds when ours is flat, reads and identifies everybody, and every other is slower', () => {
    assert.equal(verdictOf([ours(10, 10.4), theirs(20)]).holds, true)
    assert.equal(verdictOf([ours(10, 10.6), theirs(20)]).holds, false)
    assert.equal(verdictOf([ours(10, 10, { gap: 1 }), theirs(20)]).holds, false)
    assert.equal(verdictOf([ours(10, 10, { exchangesTimedOut: 1 }), theirs(20)]).holds, false)
    assert.equal(verdictOf([ours(10, 10), theirs(10)]).holds, false)
    assert.match(verdictOf([ours(10, 10.4)]).text, /sallyport 10\.0 s → 10\.4 s in 0\.0 h, unread 0, identities lost 0/)
  })

  it('counts a last period without an upload as one that never ends', () => {
    const stuck = kept('inline', [period(10), period(10, { uploads: [] })])
    assert.equal(verdictOf([ours(10, 10), stuck]).holds, true)
    const stuckOurs = kept('sallyport', [period(10), period(10, { uploads: [] })])
    assert.equal(verdictOf([stuckOurs, theirs(20)]).holds, false)
  })
})

describe('the report', () => {
  it('has a page, its plots, a table with what was measured, and the figures', () => {
    const directory = mkdtempSync(join(tmpdir(), 'lab-'))
    try {
      const alarms = { unreadMs: 90_000, identityTimeoutsMs: Infinity, identityOutMs: Infinity }
      writeReport(directory, [
        kept('sallyport', [period(10), period(10)]),
        kept('inline', [period(10), period(31.5, { swallowed: 77, alarms })]),
      ])
      const files = readdirSync(directory)
      assert.ok(files.includes('index.html') && files.includes('uploads.svg') && files.includes('report.json'))
      assert.match(readFileSync(join(directory, 'client-timeouts.svg'), 'utf8'), /published: 208/)
      const text = readFileSync(join(directory, 'report.md'), 'utf8')
      assert.match(text, /\| inline \| 0\.02 \| 10\.0 s \| 31\.5 s \|/)
      assert.match(text, /\| 3 \| events swallowed \| 0 \| \*\*77\*\* \|/)
      assert.match(text, /at some host for more than a moment \| never \| after 1\.5 min \|/)
      assert.match(readFileSync(join(directory, 'uploads.svg'), 'utf8'), /published: 175 → 358 s/)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('draws what is a number, and leaves out what is not', () => {
    const svg = svgOf({
      title: 'a < b',
      across: 'h',
      up: 's',
      lines: [
        {
          name: 'one',
          colour: '#000',
          points: [
            [0, 1],
            [1, NaN],
            [2, 4],
          ],
        },
      ],
    })
    assert.match(svg, /a &lt; b/)
    assert.doesNotMatch(svg, /NaN/)
    assert.equal(svg.match(/r="3"/g)?.length, 2)
  })

  it('draws a bar for each value, and says where there is none', () => {
    const svg = barsOf('by <what>', 's', [
      { name: 'a', value: 10, colour: '#111' },
      { name: 'b', value: 5, colour: '#222' },
      { name: 'c', value: Infinity, colour: '#333' },
    ])
    const widths = [...svg.matchAll(/<rect x="290"[^>]* width="([\d.]+)"/g)].map((match) => Number(match[1]))
    assert.deepEqual(widths, [350, 175, 350])
    assert.match(svg, />none</)
    assert.match(svg, /by &lt;what>/)
  })
})
