// The soak itself, tested: a short one keeps every promise, and what is leaked on purpose is named. The long one is `npm run soak`.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { text } from 'node:stream/consumers'
import { PLANTS } from './plants.ts'
import { type Sample, trendOf } from './samples.ts'
import type { Findings, Verdict } from './verdict.ts'

const PROGRAM = join(import.meta.dirname, 'soak.ts')

interface Ran {
  readonly code: number
  readonly found: Findings & Verdict
}

const soak = async (...words: string[]): Promise<Ran> => {
  const child = spawn(process.execPath, [PROGRAM, '--json', '--every', '250ms', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return { code: code as number, found: JSON.parse(printed) as Findings & Verdict }
}

describe('a short soak', { concurrency: 2, timeout: 180_000 }, () => {
  test('keeps every promise through each kind of churn', async () => {
    const { code, found } = await soak('--for', '15s', '--churn', '2s')
    assert.deepEqual(found.missed, [])
    assert.equal(code, 0)
    assert.deepEqual(
      found.trends.map(({ quantity }) => quantity),
      ['heap', 'buffers', 'handles', 'timers', 'listeners', 'files'],
    )
  })

  test('names everything that leaks on purpose, and nothing else', async () => {
    const { code, found } = await soak('--for', '6s', '--churn', '1s', ...PLANTS.flatMap((plant) => ['--plant', plant]))
    const promises = [
      'heap flat',
      'buffers flat',
      'handles flat',
      'timers flat',
      'listeners flat',
      ...(process.platform === 'linux' ? ['files flat'] : []),
      'accepted = registered = reading',
      'nothing left open',
    ]
    assert.deepEqual(
      found.missed.map((missed) => promises.find((promise) => missed.startsWith(promise)) ?? missed),
      promises,
    )
    assert.ok(found.leftOver.includes('Timeout') && found.leftOver.includes('listeners of the signal'))
    assert.equal(code, 1)
  })
})

describe('the line through the second half', () => {
  const samples = (heap: (n: number) => number): Sample[] =>
    Array.from({ length: 20 }, (_, n) => ({
      atMs: n * 1000,
      heap: heap(n),
      buffers: 0,
      handles: 0,
      timers: 0,
      listeners: 0,
      files: 0,
    }))

  test('is as steep as what it is drawn through, whatever the first half did', () => {
    const { growth, mean } = trendOf(
      'heap',
      samples((n) => (n < 10 ? 5000 * n : 100 + 10 * n)),
    )
    assert.ok(Math.abs(growth - 90) < 1e-6)
    assert.equal(mean, 245)
  })

  test('is level for what only shakes', () => {
    const { growth } = trendOf(
      'heap',
      samples((n) => 100 + (n % 2)),
    )
    assert.ok(Math.abs(growth) < 1)
  })

  test('falls where it falls, which nobody minds', () => {
    const { growth, allowed } = trendOf(
      'heap',
      samples((n) => 1000 - n),
    )
    assert.ok(growth < 0 && allowed > 0)
  })
})
