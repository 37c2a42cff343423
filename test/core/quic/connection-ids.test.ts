// Connection ids come and go under a running connection (RFC 9000 section 5.1): neither end ever has more than the other allows, none
// comes back, and whoever floods the other with them is cut off.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Reader, toHex, Writer } from '../../../src/core/bytes.ts'
import { readFrame } from '../../../src/core/quic/frames.ts'
import { LocalIds } from '../../../src/core/quic/local-ids.ts'
import type { ConnectionOutput } from '../../../src/core/quic/outputs.ts'
import { PacketBuilder } from '../../../src/core/quic/packet-builder.ts'
import { parseHeader } from '../../../src/core/quic/packet.ts'
import { RemoteIds } from '../../../src/core/quic/remote-ids.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { type End, FOUL, Pair } from './pair.ts'

/** What a driver's routing table holds after these outputs, the first id apart. */
const routed = (log: readonly ConnectionOutput[], first: Uint8Array): Set<string> => {
  const ids = new Set([toHex(first)])
  for (const output of log) {
    if (output.kind === 'id-issued') assert.ok(!ids.has(toHex(output.id)) && ids.add(toHex(output.id)))
    if (output.kind === 'id-retired') assert.ok(ids.delete(toHex(output.id)))
  }
  return ids
}

const frame = (sequence: number, retirePriorTo = 0) => ({
  sequence,
  retirePriorTo,
  id: new Uint8Array(8).fill(sequence + 1),
  resetToken: new Uint8Array(16).fill(sequence),
})

/** Sequence numbers that RETIRE_CONNECTION_ID frames of now name. */
const retiredBy = (ids: RemoteIds): number[] => {
  const packet = new PacketBuilder(new Writer(new Uint8Array(4096)), 4096)
  ids.fill(packet)
  return packet.carried.flatMap((carried) => (carried.kind === 'retire-connection-id' ? [carried.sequence] : []))
}

describe('connection ids that are renewed', () => {
  it('change on every packet both ways, while the streams go on, in whatever weather', () => {
    for (let seed = 0; seed < 6; seed++) {
      // Two are the fewest that may be allowed.
      const transport = { ...TRANSPORT_DEFAULTS, connectionIds: seed % 2 === 0 ? 2 : 4 }
      const pair = new Pair({ seed, weather: FOUL, transport })
      const first = new Map<End, Uint8Array>()
      pair.establish()
      for (const end of [pair.client, pair.server]) first.set(end, end.live.localIds[0]!)
      const seen = new Set<string>()
      pair.filter = (bytes) => {
        const header = parseHeader(bytes, 0, 8)
        if (header?.form === 'short') seen.add(toHex(header.destinationId))
        return true
      }
      const id = pair.client.live.open(true)!
      pair.client.send(id, new Uint8Array(200_000))
      pair.server.onOutput = (output) => {
        if (output.kind === 'stream-opened') pair.server.send(id, new Uint8Array(200_000))
      }
      const done = (): boolean => pair.server.received(id).length + pair.client.received(id).length === 400_000
      for (let round = 0; round < 2000 && !done(); round++) {
        pair.run(done, 50)
        for (const end of [pair.client, pair.server]) end.live.renewIds()
      }
      assert.ok(done(), `seed ${seed}: ${JSON.stringify([pair.client.closed, pair.server.closed])}`)
      pair.run(() => false, 5000)
      assert.ok(seen.size > 6, `${seen.size} ids`)
      for (const end of [pair.client, pair.server]) {
        assert.equal(end.closed, null)
        const known = routed(end.log, first.get(end)!)
        assert.deepEqual(new Set(end.live.localIds.map(toHex)), known)
        assert.equal(known.size, 2)
      }
    }
  })

  it('are not renewed again before the peer has let the old ones go', () => {
    const pair = new Pair().establish()
    pair.run(() => false, 200)
    pair.filter = (_bytes, from) => from === pair.client
    for (let round = 0; round < 10; round++) pair.client.live.renewIds()
    pair.flush(pair.client)
    assert.ok(pair.client.live.localIds.length <= 4)
    pair.filter = () => true
    pair.run(() => false, 4000)
    assert.equal(pair.client.live.localIds.length, 2)
    pair.client.live.renewIds()
    assert.equal(pair.client.live.localIds.length, 4)
  })

  it('take the reset token with them: one is in use at a time, that of the id on what is sent', () => {
    const pair = new Pair({ server: { resetSecret: new Uint8Array(32).fill(1) } }).establish()
    pair.run(() => false, 200)
    const changes = (): number =>
      pair.client.log.filter((output) => output.kind === 'reset-token' && output.inUse).length
    for (let round = 1; round < 9; round++) {
      const ofOurs = round % 2 === 0
      const end = ofOurs ? pair.client : pair.server
      end.live.renewIds()
      pair.flush(end)
      if (ofOurs) assert.equal(changes(), round + 1)
      else assert.ok(pair.run(() => changes() === round + 1, 2 * pair.weather.latencyMs))
      pair.run(() => false, 500)
    }
    const inUse = new Set<string>()
    for (const output of pair.client.log) {
      if (output.kind !== 'reset-token') continue
      assert.deepEqual(output.remote, pair.server.address)
      if (output.inUse) inUse.add(toHex(output.token))
      else assert.ok(inUse.delete(toHex(output.token)))
      assert.ok(inUse.size <= 1)
    }
    assert.equal(inUse.size, 1)
  })
})

describe('an id that the peer retired', () => {
  /** A client that sent something with its first id, which the network keeps, and that has changed to another since. */
  const changed = () => {
    const pair = new Pair().establish()
    pair.run(() => false, 200)
    const stream = pair.client.live.open(false)!
    const kept: Uint8Array[] = []
    pair.filter = (bytes, from) => from !== pair.client || (kept.push(bytes), false)
    pair.client.send(stream, new Uint8Array(100).fill(7))
    pair.flush(pair.client)
    pair.filter = () => true
    const [first] = pair.server.live.localIds
    pair.client.live.renewIds()
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.server.live.localIds[0] !== first, 2 * pair.weather.latencyMs))
    return { pair, stream, kept, first: first! }
  }
  const retired = ({ log }: End): string[] =>
    log.flatMap((output) => (output.kind === 'id-retired' ? [toHex(output.id)] : []))

  it('is ours for what was sent with it before and comes late, by a path a hundred times slower than the one in use too', () => {
    const { pair, stream, kept, first } = changed()
    assert.equal(parseHeader(kept[0]!, 0, 8)?.destinationId.join(), first.join())
    assert.ok(pair.server.live.stats.rttMs < 20)
    pair.run(() => false, 2000)
    assert.deepEqual(retired(pair.server), [])
    pair.server.live.receive(kept[0]!, { ...pair.client.address, local: 0 }, pair.now)
    pair.flush(pair.server)
    assert.equal(pair.server.received(stream).length, 100)
    assert.ok(pair.run(() => retired(pair.server).length > 0, 1500))
    assert.deepEqual(retired(pair.server), [toHex(first)])
    assert.equal(pair.server.live.localIds.length, 2)
  })

  it('is let go while nothing at all is sent or comes', () => {
    const { pair, first } = changed()
    pair.run(() => false, 100)
    pair.filter = () => false
    pair.run(() => false, 4000)
    assert.deepEqual(retired(pair.server), [toHex(first)])
  })
})

describe('ids of ours', () => {
  it('that were retired are few at a time, of more the oldest go', () => {
    const log: string[] = []
    const emit = (output: ConnectionOutput): void => {
      if (output.kind === 'id-retired') log.push(toHex(output.id))
    }
    const ids = new LocalIds(new Uint8Array(8), { random: new SeededRandom(1), emit })
    const gone: string[] = []
    ids.issue(4)
    for (let sequence = 0; sequence < 12; sequence++) {
      ids.fill(new PacketBuilder(new Writer(new Uint8Array(4096)), 4096))
      const [id, arrivedWith] = ids.all
      gone.push(toHex(id!))
      // A round trip may look shorter later.
      assert.equal(ids.onRetire(sequence, { arrivedWith: arrivedWith!, until: 1000 - sequence }), null)
      assert.ok(ids.count <= 6)
      ids.checkInvariants()
    }
    assert.deepEqual(log, gone.slice(0, 8))
    ids.timeout(999)
    assert.deepEqual([log.length, ids.timerAt], [8, 1000])
    ids.timeout(1000)
    assert.deepEqual([log, ids.timerAt], [gone, Infinity])
  })

  it('are announced even when they have to be retired by now, or the peer would never let go of them', () => {
    const ids = new LocalIds(new Uint8Array(8), { random: new SeededRandom(1), emit: () => {} })
    const announced = (): { sequence: number; retirePriorTo: number }[] => {
      const writer = new Writer(new Uint8Array(4096))
      ids.fill(new PacketBuilder(writer, 4096))
      const reader = new Reader(writer.written())
      const found: { sequence: number; retirePriorTo: number }[] = []
      while (reader.remaining > 0) {
        const read = readFrame(reader)
        assert.ok(read?.type === 'new-connection-id')
        found.push({ sequence: read.sequence, retirePriorTo: read.retirePriorTo })
      }
      return found
    }
    ids.issue(4)
    assert.deepEqual(announced(), [{ sequence: 1, retirePriorTo: 0 }])
    ids.rotate()
    ids.lost(1)
    assert.deepEqual(announced(), [
      { sequence: 2, retirePriorTo: 2 },
      { sequence: 3, retirePriorTo: 2 },
      { sequence: 1, retirePriorTo: 1 },
    ])
  })
})

describe('ids of a peer', () => {
  it('that it wants back are retired, those that come late at once, and each once', () => {
    const ids = new RemoteIds(new Uint8Array(8), 4)
    assert.equal(ids.onNew(frame(3, 3)), null)
    assert.deepEqual(retiredBy(ids), [0])
    assert.equal(ids.onNew(frame(1, 1)), null)
    assert.deepEqual(retiredBy(ids), [1])
    assert.equal(ids.onNew(frame(1, 1)), null)
    assert.deepEqual(retiredBy(ids), [])
    assert.equal(ids.take()?.sequence, 3)
    assert.equal(ids.take(), null)
  })

  it('that were retired do not come back with a frame that was sent twice', () => {
    const ids = new RemoteIds(new Uint8Array(8), 4)
    ids.onNew(frame(1))
    const taken = ids.take()!
    ids.retire(taken)
    assert.equal(ids.onNew(frame(1)), null)
    assert.equal(ids.take(), null)
  })

  it('are none where it chose an empty one', () => {
    const ids = new RemoteIds(new Uint8Array(8), 4)
    ids.setInitial(new Uint8Array(0))
    assert.equal(ids.onNew(frame(1))?.code, 0x0a)
    assert.equal(ids.take()?.id.length, 0)
    assert.ok(ids.hasSpare)
    ids.retire(ids.first)
    assert.ok(!ids.pending)
  })

  it('may be as many as we said, counted when those it wants back are gone', () => {
    const ids = new RemoteIds(new Uint8Array(8), 3)
    for (const sequence of [1, 2]) assert.equal(ids.onNew(frame(sequence)), null)
    assert.equal(ids.onNew(frame(3, 1)), null)
    assert.equal(ids.onNew(frame(4))?.code, 0x09)
  })

  it('retired and not acknowledged are bounded, at no less than twice what we allow', () => {
    const ids = new RemoteIds(new Uint8Array(8), 4)
    let sequence = 1
    while (ids.onNew(frame(sequence, sequence)) === null) sequence++
    assert.ok(sequence > 2 * 4 && sequence <= 4 * 4 + 1, `${sequence} ids`)
  })

  it('with gaps between their numbers cost no more than others, however many', () => {
    const ids = new RemoteIds(new Uint8Array(8), 4)
    for (let sequence = 2; sequence < 40_000; sequence += 2) {
      assert.equal(ids.onNew({ ...frame(sequence, sequence), id: Uint8Array.of(sequence, sequence >> 8, 7, 7) }), null)
      for (const retired of retiredBy(ids)) ids.acknowledged(retired)
    }
    // So long ago that it counts as retired: nothing is owed for it.
    ids.onNew(frame(3))
    assert.ok(!ids.pending)
  })

  it('in whatever order they come and go, are never more than we said, and no number is used twice', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(12), fc.nat(12), fc.boolean()), { maxLength: 60 }), (steps) => {
        const ids = new RemoteIds(new Uint8Array(8).fill(1), 4)
        const taken = new Set<number>([0])
        let last = ids.first
        for (const [sequence, retirePriorTo, take] of steps) {
          const breach = ids.onNew(frame(sequence, Math.min(sequence, retirePriorTo)))
          if (breach !== null) return breach.code === 0x09
          for (const retired of retiredBy(ids)) ids.acknowledged(retired)
          const next = take ? ids.take() : null
          if (next === null) continue
          assert.ok(!taken.has(next.sequence), 'taken twice')
          taken.add(next.sequence)
          ids.retire(last)
          assert.ok(!ids.has(last))
          last = next
        }
        return true
      }),
    )
  })
})
