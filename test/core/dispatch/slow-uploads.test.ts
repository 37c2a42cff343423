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

test('where more large messages come in slowly at once than there is room for, some end all the time, and hosts take turns', () => {
  for (const hosts of [100, 200, 400]) {
    const { ended, starved } = uploadSlowly({ hosts, bytes: 4 << 20, bytesPerSecond: 50_000, seconds: 600 })
    assert.ok(ended >= 80, `of ${hosts} hosts, ${ended} messages ended`)
    assert.ok(hosts - starved >= 0.4 * Math.min(hosts, 200), `of ${hosts} hosts, ${starved} were never served`)
  }
})
