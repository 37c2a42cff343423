import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PLAINTEXT_BYTES_MAX } from '../../../src/core/chunks/chunk.ts'
import { Play } from './played-upload.ts'
import type { Manner, Peer } from './played-upload.ts'

const CLOSE_PEERS = Array<Manner>(12).fill('good')

/** What an upload of that many pieces had placed when it was interrupted, and the peers it had. */
const interrupted = (seed: number, pieces: number, after: number): Play =>
  new Play({ seed, manners: CLOSE_PEERS, size: pieces * PLAINTEXT_BYTES_MAX - 3, interruptAfter: after })

test('an interrupted upload of the same file compares what was placed, places the rest, and comes to the same link', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), fc.nat(), (seed, pieces, after) => {
      const before = interrupted(seed, pieces, 1 + (after % pieces))
      const scene = { seed: seed + 1, manners: CLOSE_PEERS, size: before.scene.size }
      const again = new Play({ ...scene, resumed: before.placed }, before.peers)
      const fresh = new Play(scene)
      assert.ok(again.end?.kind === 'finished' && fresh.end?.kind === 'finished')
      assert.equal(again.end.link, fresh.end.link)
      assert.deepEqual([again.end.bytes, again.end.chunks], [fresh.end.bytes, fresh.end.chunks])
      // The one that is asked about shows that this is the same network; the others are compared alone.
      assert.equal(again.end.resumed, before.placed.length - 1)
      assert.equal(again.hashed, again.end.resumed)
      for (const address of fresh.sealed) assert.ok(again.holders(address) >= 4)
    }),
    { numRuns: 60 },
  )
})

test('pieces that changed since are placed anew, wherever they are', () => {
  const before = interrupted(30, 8, 8)
  const changed = before.placed[0]?.index ?? assert.fail()
  const content = (index: number): number => (index === changed ? 99 : index)
  const scene = { seed: 31, manners: CLOSE_PEERS, size: before.scene.size, content }
  const again = new Play({ ...scene, resumed: before.placed }, before.peers)
  const fresh = new Play(scene)
  assert.ok(again.end?.kind === 'finished' && fresh.end?.kind === 'finished')
  assert.equal(again.end.link, fresh.end.link)
  assert.equal(again.end.resumed, 6)
  for (const address of fresh.sealed) assert.ok(again.holders(address) >= 4)
})

test('what was placed in another network, or at peers that are gone, is not believed', () => {
  const before = interrupted(40, 6, 5)
  const elsewhere = new Play({ seed: 41, manners: CLOSE_PEERS, size: before.scene.size, resumed: before.placed })
  assert.ok(elsewhere.end?.kind === 'finished')
  assert.equal(elsewhere.end.resumed, 0)
  for (const address of elsewhere.sealed) assert.equal(elsewhere.holders(address), 7)
})

test('records of a file that became shorter or longer count where their pieces are the same', () => {
  const before = interrupted(50, 6, 6)
  for (const [size, resumed] of [
    [4 * PLAINTEXT_BYTES_MAX, 3],
    [9 * PLAINTEXT_BYTES_MAX, 4],
    [0, 0],
  ] as const) {
    const play = new Play({ seed: 51, manners: CLOSE_PEERS, size, resumed: before.placed }, before.peers)
    assert.ok(play.end?.kind === 'finished')
    assert.equal(play.end.resumed, resumed, `${size}`)
    const fresh = new Play({ seed: 51, manners: CLOSE_PEERS, size })
    assert.ok(fresh.end?.kind === 'finished')
    assert.equal(play.end.link, fresh.end.link)
  }
})

test('what an upload that took fewer holders had placed is placed at the quorum by one that does not', () => {
  const few = CLOSE_PEERS.map((_, at): Manner => (at < 2 ? 'good' : 'refusing'))
  const size = 6 * PLAINTEXT_BYTES_MAX
  const before = new Play({ seed: 60, manners: few, size, allowFewer: true, interruptAfter: 5 })
  const willing = (): Peer[] => before.peers.map((peer) => ({ ...peer, manner: 'good', holds: new Set(peer.holds) }))
  const scene = { seed: 61, manners: CLOSE_PEERS, size, resumed: before.placed }
  const again = new Play(scene, willing())
  assert.ok(again.end?.kind === 'finished')
  for (const address of new Play({ ...scene, resumed: [] }).sealed) assert.ok(again.holders(address) >= 4)
  assert.equal(again.end.resumed, 0)
  const fewer = new Play({ ...scene, allowFewer: true }, willing())
  assert.ok(fewer.end?.kind === 'finished')
  assert.deepEqual([fewer.end.resumed, fewer.end.holders], [4, 2])
})
