// A whole connection on a fake clock: the handshake at the first attempt, and transfers through bad weather.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FOUL, Pair } from './pair.ts'

const SEEDS = 200
const MEGABYTE = 1_000_000

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff)

describe('a connection', () => {
  it('finishes its handshake at the first attempt and carries bytes both ways', () => {
    const pair = new Pair().establish()
    assert.equal(pair.client.log.filter((output) => output.kind === 'work').length, 2)
    const stream = pair.client.live.open(true)!
    assert.equal(stream, 0)
    pair.client.send(stream, pattern(100_000))
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.server.received(stream).length === 100_000))
    assert.deepEqual(new Uint8Array(pair.server.received(stream)), pattern(100_000))
  })

  it(`survives loss, reordering and duplication with 1 MB, for ${SEEDS} seeds`, () => {
    const bytes = pattern(MEGABYTE)
    for (let seed = 0; seed < SEEDS; seed++) {
      const pair = new Pair({ seed, weather: FOUL }).establish()
      const stream = pair.client.live.open(false)!
      pair.client.send(stream, bytes)
      pair.flush(pair.client)
      assert.ok(
        pair.run(() => pair.client.has('stream-acknowledged'), 120_000),
        `seed ${seed}: ${pair.server.received(stream).length} bytes, ${JSON.stringify([pair.client.closed, pair.server.closed])}`,
      )
      assert.ok(Buffer.compare(pair.server.received(stream), bytes) === 0, `seed ${seed}: other bytes`)
      assert.ok(pair.server.live.ended(stream), `seed ${seed}: no end`)
    }
  })
})
