// Everything of docs/metrics.md is there for Prometheus, under the name that follows from its own, and with its own numbers.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Board } from '../../src/admin/board.ts'
import { Routes } from '../../src/admin/routes.ts'
import { type MetricKind, metricName } from '../../src/admin/metric-names.ts'
import { GAUGES, Scene } from './watched.ts'

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
const ABOUT = { version: '1.2.3', rssBytes: 1000, cpuSeconds: 2, upSeconds: 3 }

/** What is answered so many milliseconds after the last reading. */
const textOf = async (scene: Scene, ageMs = 500): Promise<string> => {
  let now = 0
  const board = new Board({ now: () => now, wall: () => now })
  const { peerId, addresses, transport } = scene
  board.take({ kind: 'reading', reading: { peerId, addresses, metrics: transport.metrics(), endings: [] } })
  const routes = new Routes(board, () => ABOUT)
  await routes.answer('/metrics', new URLSearchParams())
  now += ageMs
  return String((await routes.answer('/metrics', new URLSearchParams())).body)
}

const named = (section: string): string[] => {
  const text = page.split('\n## ').find((part) => part.startsWith(`${section}\n`)) ?? ''
  return [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name)
}

test('every counter, gauge and histogram of docs/metrics.md is there', async () => {
  const text = await textOf(new Scene())
  const kinds: [string, MetricKind][] = [
    ['Counters', 'counter'],
    ['Gauges', 'gauge'],
    ['Histograms', 'histogram'],
  ]
  let checked = 0
  for (const [section, kind] of kinds) {
    for (const name of named(section)) {
      const shown = metricName(name, kind)
      assert.match(text, new RegExp(`^# TYPE ${shown} ${kind}$`, 'm'), shown)
      assert.match(text, new RegExp(`^${shown}(_count)?[{ ]`, 'm'), shown)
      checked++
    }
  }
  assert.ok(checked > 70, `only ${checked} metrics were found on the page`)
})

test('numbers are those of the node: labels in their order, times in seconds', async () => {
  const scene = new Scene()
  scene.counters.judged = 7
  scene.counters.accepted.inbound = 3
  scene.counters.handshakesFailed.outbound.deadline = 4
  scene.counters.dropped['not-quic'] = 5
  scene.counters.slotsByStanding['new-token'] = 6
  const lines = (await textOf(scene)).split('\n')
  for (const line of [
    'sallyport_judged_total 7',
    'sallyport_accepted_total{direction="inbound"} 3',
    'sallyport_accepted_total{direction="outbound"} 0',
    'sallyport_handshakes_failed_total{direction="outbound",reason="deadline"} 4',
    'sallyport_dropped_total{reason="not-quic"} 5',
    'sallyport_slots_by_standing_total{standing="new-token"} 6',
    `sallyport_lane_depths{shard="1"} ${GAUGES.laneDepths[1]}`,
    `sallyport_signing_delay_seconds ${GAUGES.signingDelayMs / 1000}`,
    `sallyport_info{peer_id="${scene.peerId}",version="1.2.3"} 1`,
    'sallyport_reading_age_seconds 0.5',
    'process_resident_memory_bytes 1000',
  ]) {
    assert.ok(lines.includes(line), line)
  }
})

test('histograms have every time in exactly one bucket, bounds that double, and nothing lost at the ends', async () => {
  const scene = new Scene()
  for (const ms of [0, 0.5, 3, 3, 1000, 1e9]) scene.histograms.identityIn.record(ms)
  const text = await textOf(scene)
  const buckets = [...text.matchAll(/^sallyport_identity_in_seconds_bucket\{le="(.+)"\} (\d+)$/gm)]
  const bounds = buckets.map(([, le]) => (le === '+Inf' ? Infinity : Number(le)))
  const counts = buckets.map(([, , n]) => Number(n))
  assert.deepEqual(
    counts,
    counts.toSorted((a, b) => a - b),
  )
  assert.deepEqual([counts[0], counts.at(-1), counts.at(-2)], [1, 6, 5])
  for (const [i, bound] of bounds.slice(2, -1).entries()) assert.equal(bound / (bounds[i + 1] ?? 0), 2)
  const below = (seconds: number): number => counts[bounds.findIndex((bound) => bound >= seconds)] ?? 0
  assert.deepEqual([below(0.004), below(1.024)], [4, 5])
  assert.match(text, /^sallyport_identity_in_seconds_sum 1000001\.0065$/m)
  assert.match(text, /^sallyport_identity_in_seconds_count 6$/m)
})

test('how old it all is goes on growing while the node says nothing', async () => {
  assert.match(await textOf(new Scene(), 12_000), /^sallyport_reading_age_seconds 12$/m)
})

const hasPromtool = spawnSync('promtool', ['--version']).status === 0

test('promtool has nothing to say against it', { skip: !hasPromtool && 'there is no promtool here' }, async () => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await textOf(new Scene()),
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout + stderr)
})
