import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uploadSlowly } from './slow-uploads.ts'

test('of hosts that upload slowly at once, as many as there is room for are all served', () => {
  for (const [hosts, bytes] of [
    [60, 4 << 20],
    [200, 1 << 20],
  ] as const) {
    const { starved } = uploadSlowly({ hosts, bytes, bytesPerSecond: 50_000, seconds: 600 })
    assert.equal(starved, 0, `of ${hosts} hosts`)
  }
})
