// Whoever refuses a stream before its end has come is understood, whatever is lost: its sender never takes it for received.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StreamId } from '../../../src/core/ids.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { ForgedPair } from './forge.ts'
import { type End, Pair } from './pair.ts'

const CODE = 7

/** A pair whose server refuses each stream of the client when its first bytes come before its end. */
const refusing = (options: ConstructorParameters<typeof Pair>[0] = {}): { pair: Pair; refused: Set<StreamId> } => {
  const refused = new Set<StreamId>()
  const pair = new Pair(options)
  pair.establish()
  pair.server.autoRead = false
  pair.server.onOutput = (output) => {
    if (output.kind !== 'stream-readable') return
    pair.server.live.read(output.stream)
    if (pair.server.live.ended(output.stream) || pair.server.live.toEnd(output.stream) !== null) return
    pair.server.live.stop(output.stream, CODE)
    refused.add(output.stream)
  }
  return { pair, refused }
}

const heard = ({ log }: End, kind: 'stream-stopped' | 'stream-acknowledged', stream: StreamId): boolean =>
  log.some((output) => output.kind === kind && output.stream === stream)

test('a stream that was refused before its end is not taken for received though the refusal was lost', () => {
  const { pair, refused } = refusing()
  pair.run(() => false, 500)
  const stream = pair.client.live.open(false)!
  let lost = 0
  pair.filter = (_bytes, from) => from !== pair.server || ++lost > 1
  pair.client.live.write(stream, new Uint8Array(1000))
  pair.flush(pair.client)
  pair.run(() => lost > 0)
  pair.client.live.finish(stream)
  pair.flush(pair.client)
  pair.run(() => false, 5000)
  assert.ok(refused.has(stream))
  assert.equal(heard(pair.client, 'stream-acknowledged', stream), false)
  assert.equal(heard(pair.client, 'stream-stopped', stream), true)
})

test('whatever is lost, each stream ends refused or received at its sender as it did at its receiver', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { pair, refused } = refusing({
      seed,
      weather: { loss: 0.2, duplication: 0.05, reordering: 0.3, latencyMs: 10 },
    })
    const random = new SeededRandom(seed)
    const streams: StreamId[] = []
    for (let n = 0; n < 12; n++) {
      const stream = pair.client.live.open(false)!
      streams.push(stream)
      pair.client.live.write(stream, new Uint8Array(1 + random.below(3000)))
      pair.flush(pair.client)
      pair.run(() => false, random.below(60))
      pair.client.live.finish(stream)
      pair.flush(pair.client)
      pair.run(() => false, random.below(200))
    }
    pair.run(() => false, 60_000)
    for (const stream of streams) {
      const fate = [heard(pair.client, 'stream-stopped', stream), heard(pair.client, 'stream-acknowledged', stream)]
      assert.equal(fate.filter(Boolean).length, 1, `seed ${seed}: stream ${stream} ends once, not ${fate.join()}`)
      if (refused.has(stream)) assert.equal(fate[0], true, `seed ${seed}: stream ${stream} was refused`)
    }
  }
})

test('an address that is not validated gets no more than three times what came from there, however much is refused', () => {
  const pair = new ForgedPair()
  pair.establish()
  pair.run(() => false, 500)
  pair.server.autoRead = false
  pair.server.onOutput = (output) => {
    if (output.kind === 'stream-opened') pair.server.live.stop(output.stream, 2 ** 40)
  }
  const say = (stream: number, offset: number, length: number, fin: boolean): void =>
    pair.receive(
      pair.client,
      pair.forge(pair.client, {
        space: 'application',
        frames: [{ type: 'stream', stream, offset, data: new Uint8Array(length), fin }],
      }),
    )
  // The server's word that it refuses them is lost, and then their ends come.
  pair.filter = () => false
  const streams = Array.from({ length: 16 }, (_, i) => 4 * i + 2)
  for (const stream of streams) say(stream, 0, 1, false)
  pair.flush(pair.server)
  for (const stream of streams) say(stream, 1, 0, true)
  pair.flush(pair.server)
  const elsewhere = { family: 4, ip: pair.client.address.ip, port: 9 } as const
  const ping = pair.forge(pair.client, { space: 'application', frames: [{ type: 'ping' }] })
  pair.server.live.receive(ping, elsewhere, pair.now)
  const into = new Uint8Array(2000)
  let sent = 0
  for (let length = pair.server.live.transmit(into, pair.now); length > 0;) {
    if (pair.server.live.destination.remote.port === elsewhere.port) sent += length
    length = pair.server.live.transmit(into, pair.now)
  }
  assert.ok(sent > 0 && sent <= 3 * ping.length, `${sent} bytes for ${ping.length}`)
})
