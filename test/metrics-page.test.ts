// docs/metrics.md lists exactly the metrics there are, says where each comes from, and leaves no cause without one.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Counters } from '../src/core/counters.ts'
import { TIMED } from '../src/core/histograms.ts'
import { ScriptedHost } from './node/scripted-host.ts'
import { World } from './node/transport-world.ts'
import { gaugesOf } from '../src/node/gauges.ts'

const CAUSES = ['1', '2', '3', '4', '5', '6', '7', '8']

interface Row {
  readonly name: string
  readonly unit: string
  readonly room: string
  readonly causes: readonly string[]
}

const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8')

const rows = (section: string): Row[] => {
  const text = page.split('\n## ').find((part) => part.startsWith(`${section}\n`)) ?? ''
  return [...text.matchAll(/^\| `(\w+)` \| (.+) \| `(.+)` \| (.+) \|$/gm)].map(
    ([, name = '', unit = '', room = '', causes = '']) => ({ name, unit, room, causes: causes.split(', ') }),
  )
}

const names = (section: string): string[] => rows(section).map(({ name }) => name)
const all = ['Counters', 'Gauges', 'Histograms'].flatMap(rows)

test('docs/metrics.md lists exactly the counters there are, with every label', () => {
  const counters = new Counters().snapshot()
  assert.deepEqual(names('Counters').toSorted(), Object.keys(counters).toSorted())
  for (const { name, unit } of rows('Counters')) {
    for (const label of labelsOf(Object.getOwnPropertyDescriptor(counters, name)?.value)) {
      if (label === 'inbound' || label === 'outbound') assert.match(unit, /by direction/, name)
      else assert.ok(unit.includes(`\`${label}\``), `${name} says nothing of ${label}`)
    }
  }
})

test('docs/metrics.md lists exactly the gauges there are', async () => {
  const { parts } = await ScriptedHost.make(await World.make())
  assert.deepEqual(names('Gauges'), Object.keys(gaugesOf(parts)))
})

test('docs/metrics.md lists exactly the histograms there are', () => {
  assert.deepEqual(names('Histograms'), [...TIMED])
})

test('each metric names a file that is there, and causes that are known', () => {
  for (const { name, room, causes } of all) {
    assert.ok(existsSync(new URL(`../src/${room}`, import.meta.url)), `${name}: ${room}`)
    if (causes[0] !== '–') for (const cause of causes) assert.ok(CAUSES.includes(cause), `${name}: cause ${cause}`)
  }
})

test('each cause is described, and shown by metrics that are there', () => {
  for (const cause of CAUSES) {
    assert.match(page, new RegExp(`^${cause}\\. `, 'm'))
    assert.ok(
      all.some(({ causes }) => causes.includes(cause)),
      `nothing shows cause ${cause}`,
    )
    const shown = new RegExp(`^\\| ${cause} \\| (.+) \\|$`, 'm').exec(page)?.[1] ?? ''
    const named = [...shown.matchAll(/`(\w+)[^`]*`/g)].map((match) => match[1] ?? '')
    assert.ok(named.length > 0, `cause ${cause} has no line in the table`)
    for (const metric of named) {
      const isThere = metric === 'connected' || all.some(({ name }) => name === metric)
      assert.ok(isThere, `${metric} is no metric`)
    }
  }
})

const labelsOf = (value: unknown): string[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([label, inner]) => [label, ...labelsOf(inner)])
