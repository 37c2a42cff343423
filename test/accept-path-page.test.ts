// docs/accept-path.md promises proofs: each assertion it names is in the code, each test title is that of a test, each property is one, and
// each metric is there.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Counters } from '../src/core/counters.ts'
import { TIMED } from '../src/core/histograms.ts'
import { gaugesOf } from '../src/node/gauges.ts'
import { ScriptedHost } from './node/scripted-host.ts'
import { World } from './node/transport-world.ts'

const root = new URL('../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const sources = (pattern: string): string[] => globSync(pattern, { cwd: root }).map((path) => read(path))

const page = read('docs/accept-path.md')
const product = sources('src/**/*.ts')

/** The text of each test by its title, up to the next test of its file. */
const tests = new Map(
  sources('test/**/*.test.ts').flatMap((text) => {
    const starts = [...text.matchAll(/^\s*(?:test|it)\(\s*'((?:[^'\\]|\\.)*)'/gm)]
    return starts.map(({ index, 1: title = '' }, i) => [title, text.slice(index, starts[i + 1]?.index)] as const)
  }),
)

interface Row {
  readonly number: number
  readonly asserted: readonly string[]
  readonly properties: readonly string[]
  readonly metrics: readonly string[]
}

const quoted = (cell: string): string[] => [...cell.matchAll(/“([^”]+)”/g)].map((match) => match[1] ?? '')
const code = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')

const rows: Row[] = [...page.matchAll(/^\| (\d+) \| (\*\*.+) \| (.+) \| (.+) \| (.+) \|$/gm)].map(
  ([, number, , asserted = '', properties = '', metrics = '']) => ({
    number: Number(number),
    asserted: code(asserted),
    properties: quoted(properties),
    metrics: code(metrics),
  }),
)

test('docs/accept-path.md has a line for each of the 13 invariants, with an assertion, a property and a metric', () => {
  assert.deepEqual(
    rows.map(({ number }) => number),
    Array.from({ length: 13 }, (_, i) => i + 1),
  )
  for (const { number, asserted, properties, metrics } of rows) {
    assert.ok(asserted.length > 0 && properties.length > 0 && metrics.length > 0, `invariant ${number}`)
  }
})

test('each assertion that docs/accept-path.md names stands in the code', () => {
  for (const message of rows.flatMap(({ asserted }) => asserted)) {
    const asserting = new RegExp(
      `assert\\([^\\n]*(?:\\n[^\\n]*)?'[^'\\n]*${message.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}`,
    )
    assert.ok(
      product.some((text) => asserting.test(text)),
      `nothing asserts: ${message}`,
    )
  }
})

test('each test that docs/accept-path.md names exists, and each property draws its cases', () => {
  for (const title of quoted(page)) assert.ok(tests.has(title), `there is no test called: ${title}`)
  for (const title of rows.flatMap(({ properties }) => properties)) {
    assert.match(tests.get(title) ?? '', /fc\.(property|asyncProperty)\(/, `this is no property: ${title}`)
  }
})

test('each metric that docs/accept-path.md names is there', async () => {
  const { parts } = await ScriptedHost.make(await World.make())
  const all = new Set([...Object.keys(new Counters().snapshot()), ...Object.keys(gaugesOf(parts)), ...TIMED])
  for (const metric of rows.flatMap(({ metrics }) => metrics)) assert.ok(all.has(metric), `${metric} is no metric`)
})
