// The six properties by which rust-libp2p tests its iterator over the closest peers, on this state machine, and a few of our own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type PeerId, peerIdOf } from '../../../src/core/ids.ts'
import { byDistance } from '../../../src/core/kademlia/distance.ts'
import { DIVERSITY_ON } from '../../../src/core/kademlia/diversity.ts'
import type { LookupOptions } from '../../../src/core/kademlia/lookup.ts'
import { Lookup } from '../../../src/core/kademlia/lookup.ts'
import { K } from '../../../src/core/kademlia/table.ts'
import { candidate, peerIds, placeOf, randomId, seededNumbers, SOMEWHERE } from './ids.ts'

// Drawn from no seed: a property that happens on the seed of ours would look for ourselves.
const SELF = peerIdOf(new Uint8Array(32))

interface Setup {
  readonly target: PeerId
  readonly known: readonly PeerId[]
  readonly options: Partial<LookupOptions>
}

const setups: fc.Arbitrary<Setup> = fc.record({
  target: peerIds,
  known: fc.uniqueArray(peerIds, { minLength: 1, maxLength: 60, size: 'max' }),
  options: fc.record({
    parallel: fc.integer({ min: 1, max: 9 }),
    results: fc.integer({ min: 1, max: 24 }),
    patienceMs: fc.integer({ min: 10_000, max: 20_000 }),
    deadlineMs: fc.integer({ min: 20_000, max: 30_000 }),
    candidatesMax: fc.constant(100_000),
    queriesMax: fc.constant(100_000),
  }),
})

const lookupOf = ({ target, known, options }: Setup): Lookup =>
  new Lookup({ target, self: SELF }, known.map(candidate), options)

const resultsOf = ({ options }: Setup): number => options.results ?? K
const parallelOf = ({ options }: Setup): number => options.parallel ?? 3
const nearest = ({ target, known, options }: Setup): PeerId[] =>
  [...known].sort(byDistance(target)).slice(0, options.results)

/** The peer that is to be asked now. */
const query = (lookup: Lookup, now = 0): PeerId => {
  const output = lookup.poll(now)
  return output?.kind === 'query' ? output.peer.peerId : assert.fail(`a query, not ${output?.kind ?? 'waiting'}`)
}

test('1: a new lookup has asked nobody, waits for nobody and has no result', () => {
  fc.assert(
    fc.property(setups, (setup) => {
      const lookup = lookupOf(setup)
      lookup.checkInvariants()
      assert.equal(lookup.waiting, 0)
      assert.equal(lookup.asked, 0)
      assert.deepEqual(lookup.result(), [])
    }),
  )
})

test('2: it asks in order of distance, never too many at a time, and ends with the nearest who answered', () => {
  fc.assert(
    fc.property(setups, fc.integer(), (setup, seed) => {
      const lookup = lookupOf(setup)
      const random = seededNumbers(seed)
      const sort = byDistance(setup.target)
      const answered: PeerId[] = []
      let remaining = nearest(setup)
      const perRound = Math.min(parallelOf(setup), remaining.length)
      let failures = 0
      for (;;) {
        const round = remaining.slice(0, perRound)
        const asked: PeerId[] = []
        for (const expected of round) {
          const output = lookup.poll(0)
          if (output === null || output.kind === 'done') break
          assert.equal(output.peer.peerId, expected)
          asked.push(expected)
        }
        if (asked.length === 0) break
        assert.equal(lookup.waiting, asked.length)
        remaining = remaining.slice(asked.length)
        for (const [i, peer] of asked.entries()) {
          if (random() < 0.75) {
            const closer = Array.from({ length: Math.floor(random() * (resultsOf(setup) + 1)) }, () => randomId(random))
            // No more than twenty records are read of one answer.
            remaining.push(...closer.slice(0, K))
            assert.equal(lookup.answered(peer, SOMEWHERE, closer.map(candidate)), true)
            answered.push(peer)
          } else {
            failures++
            assert.equal(lookup.failed(peer), true)
          }
          assert.equal(lookup.waiting, asked.length - i - 1)
          lookup.checkInvariants()
        }
        remaining.sort(sort)
      }
      if (!lookup.done) assert.equal(lookup.poll(0)?.kind, 'done')
      assert.equal(lookup.poll(0), null)
      const result = lookup.result()
      assert.deepEqual(result, answered.sort(sort).slice(0, resultsOf(setup)))
      if (result.length < resultsOf(setup)) {
        assert.ok(setup.known.length < resultsOf(setup) || failures > 0)
        assert.deepEqual(remaining, [], 'with too few results everybody was asked')
      }
    }),
    { numRuns: 200 },
  )
})

test('3: a peer that several name, or one names twice, is known once', () => {
  fc.assert(
    fc.property(setups, peerIds, (setup, closer) => {
      fc.pre(!setup.known.includes(closer))
      const lookup = lookupOf(setup)
      const first = query(lookup)
      assert.equal(lookup.answered(first, SOMEWHERE, [candidate(closer), candidate(closer)]), true)
      assert.equal(lookup.answered(first, SOMEWHERE, [candidate(closer)]), false)
      const next = lookup.poll(0)
      if (next?.kind === 'query') lookup.answered(next.peer.peerId, SOMEWHERE, [candidate(closer)])
      lookup.checkInvariants()
      const seen = new Set<PeerId>([first, ...(next?.kind === 'query' ? [next.peer.peerId] : [])])
      for (let output = lookup.poll(0); output?.kind === 'query'; output = lookup.poll(0)) {
        assert.ok(!seen.has(output.peer.peerId), 'nobody is asked twice')
        seen.add(output.peer.peerId)
        lookup.failed(output.peer.peerId)
      }
    }),
  )
})

test('4: a peer out of time frees its place, may still answer, and after the end changes nothing', () => {
  fc.assert(
    fc.property(setups, (setup) => {
      const lookup = lookupOf(setup)
      const slow = query(lookup)
      assert.equal(lookup.timerAt(), setup.options.patienceMs)
      lookup.poll(setup.options.patienceMs ?? 0)
      // Whoever was asked instead, if there was anybody, is the only one waited for.
      assert.equal(lookup.waiting, setup.known.length > 1 && resultsOf(setup) > 1 ? 1 : 0)
      lookup.poll(setup.options.deadlineMs ?? 0)
      lookup.checkInvariants()
      const over = lookup.done
      assert.equal(lookup.answered(slow, SOMEWHERE, []), !over)
      assert.deepEqual(lookup.result(), over ? [] : [slow])
    }),
  )
})

test('5: when nobody answers, the k nearest are tried, and that is all', () => {
  fc.assert(
    fc.property(setups, (setup) => {
      const lookup = lookupOf(setup)
      for (const expected of nearest(setup)) {
        assert.equal(query(lookup), expected)
        lookup.failed(expected)
      }
      assert.deepEqual(lookup.poll(0), { kind: 'done', peers: [] })
    }),
  )
})

test('6: when answers bring nobody nearer, up to k are waited for at once, and never more', () => {
  fc.assert(
    fc.property(setups, (setup) => {
      const options = { ...setup.options, results: Math.max(resultsOf(setup), parallelOf(setup) + 1) }
      const lookup = lookupOf({ ...setup, options })
      for (let i = 0; i < parallelOf(setup); i++) {
        const output = lookup.poll(0)
        if (output?.kind !== 'query') return
        lookup.answered(output.peer.peerId, SOMEWHERE, [])
      }
      while (lookup.poll(0)?.kind === 'query') assert.ok(lookup.waiting <= options.results)
      const others = Math.min(setup.known.length, options.results) - parallelOf(setup)
      assert.equal(lookup.waiting, Math.min(others, options.results))
    }),
  )
})

test('the end waits for a nearer peer that was asked, until its deadline', () => {
  const random = seededNumbers(7)
  const target = randomId(random)
  const known = Array.from({ length: 3 }, () => randomId(random)).sort(byDistance(target))
  const lookup = lookupOf({ target, known, options: { results: 3, patienceMs: 1500, deadlineMs: 6000 } })
  const [silent, ...others] = [query(lookup), query(lookup), query(lookup)]
  for (const peer of others) lookup.answered(peer, SOMEWHERE, [])
  assert.equal(lookup.poll(1500), null)
  assert.equal(lookup.timerAt(), 6000)
  assert.equal(lookup.poll(5999), null)
  assert.deepEqual(lookup.poll(6000), { kind: 'done', peers: others })
  assert.equal(lookup.answered(silent, SOMEWHERE, []), false)
})

test('when enough have answered, the dead cost their patience each and never their deadline, wherever they stand', () => {
  const cases = fc.record({ seed: fc.integer(), living: fc.integer({ min: 7, max: 30 }), dead: fc.nat(12) })
  fc.assert(
    fc.property(cases, ({ seed, living, dead }) => {
      const random = seededNumbers(seed)
      const target = randomId(random)
      const known = Array.from({ length: living + dead }, () => randomId(random))
      const gone = new Set(known.slice(living))
      const lookup = lookupOf({ target, known: known.slice(0, K), options: {} })
      let now = 0
      for (let output = lookup.poll(now); output?.kind !== 'done'; output = lookup.poll(now)) {
        if (output === null) now = lookup.timerAt()
        else if (!gone.has(output.peer.peerId)) {
          lookup.answered(output.peer.peerId, SOMEWHERE, known.toSorted(byDistance(target)).slice(0, K).map(candidate))
        }
      }
      const found = lookup.result()
      assert.ok(now <= 1500 * Math.ceil(dead / 3), `${now} ms for ${dead} dead`)
      assert.ok(found.length >= Math.min(7, living))
      assert.ok(found.every((peer) => !gone.has(peer)))
    }),
  )
})

test('with fewer than enough answers a late peer is waited for, and counts when it comes', () => {
  const random = seededNumbers(12)
  const target = randomId(random)
  const known = Array.from({ length: 7 }, () => randomId(random)).sort(byDistance(target))
  const lookup = lookupOf({ target, known, options: {} })
  const slow = query(lookup)
  for (let output = lookup.poll(0); output?.kind === 'query'; output = lookup.poll(0)) {
    lookup.answered(output.peer.peerId, SOMEWHERE, [])
  }
  assert.equal(lookup.poll(1500), null)
  assert.equal(lookup.poll(5000), null)
  lookup.answered(slow, SOMEWHERE, [])
  assert.deepEqual(lookup.poll(5000), { kind: 'done', peers: known })
})

test('it does not ask itself, and answers of those not asked change nothing', () => {
  const random = seededNumbers(8)
  const [peer, other] = [randomId(random), randomId(random)]
  const lookup = lookupOf({ target: SELF, known: [SELF, peer], options: {} })
  assert.equal(query(lookup), peer)
  assert.equal(lookup.answered(other, SOMEWHERE, []), false)
  assert.equal(lookup.failed(other), false)
  lookup.answered(peer, SOMEWHERE, [candidate(SELF)])
  assert.deepEqual(lookup.poll(0), { kind: 'done', peers: [peer] })
})

test('liars who name ever nearer peers end at the bound of queries, and memory at the bound of candidates', () => {
  const random = seededNumbers(9)
  const target = randomId(random)
  const bounds = { candidatesMax: 50, queriesMax: 30 }
  const lookup = lookupOf({ target, known: [randomId(random)], options: bounds })
  const flip = (id: PeerId, at: number, n: number): PeerId =>
    `${target.slice(0, at)}${n.toString(16).padStart(2, '0')}${id.slice(at + 2)}` as PeerId
  for (let i = 0, output = lookup.poll(0); output?.kind === 'query'; output = lookup.poll(0), i++) {
    const nearer = Array.from({ length: 100 }, (_, n) => candidate(flip(randomId(random), i, n)))
    lookup.answered(output.peer.peerId, SOMEWHERE, nearer)
    lookup.checkInvariants()
  }
  assert.equal(lookup.done, true)
  assert.equal(lookup.asked, 30)
})

test('one place has two seats in the result, and a third of its peers is not even asked', () => {
  const random = seededNumbers(10)
  const target = randomId(random)
  const ids = Array.from({ length: 8 }, () => randomId(random)).sort(byDistance(target))
  const place = (n: number) => placeOf(n < 4 ? 1 : n)
  const known = ids.map((peerId, n) => ({ peerId, addresses: [place(n)] }))
  const options = { results: 5, parallel: 1, diversity: DIVERSITY_ON }
  const lookup = new Lookup({ target, self: SELF }, known.slice(0, 5), options)
  const asked: PeerId[] = []
  for (let output = lookup.poll(0); output?.kind === 'query'; output = lookup.poll(0)) {
    const { peerId } = output.peer
    asked.push(peerId)
    lookup.answered(peerId, place(ids.indexOf(peerId)), known)
  }
  const expected = ids.filter((_, n) => n < 2 || n >= 4).slice(0, 5)
  assert.deepEqual(lookup.result(), expected)
  assert.deepEqual(asked.sort(), [...expected].sort())
})

test('peers that claim to be elsewhere count where they answered from', () => {
  const random = seededNumbers(11)
  const target = randomId(random)
  const known = Array.from({ length: 5 }, (_, n) => ({ peerId: randomId(random), addresses: [placeOf(n)] }))
  const lookup = new Lookup({ target, self: SELF }, known, { diversity: DIVERSITY_ON })
  for (let output = lookup.poll(0); output?.kind === 'query'; output = lookup.poll(0))
    lookup.answered(output.peer.peerId, placeOf(99), [])
  assert.equal(lookup.asked, 5)
  assert.equal(lookup.result().length, 2)
})

test('in a network where everybody knows their neighbours, a lookup finds the true closest', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 300 }), (seed, size) => {
      const random = seededNumbers(seed)
      const ids = Array.from({ length: size }, () => randomId(random))
      const target = randomId(random)
      const sorted = [...ids].sort(byDistance(target))
      const lookup = new Lookup({ target, self: SELF }, [candidate(ids[0] ?? SELF)])
      for (let output = lookup.poll(0); output?.kind === 'query'; output = lookup.poll(0)) {
        // Everybody knows the twenty that follow it towards the target, and nothing else.
        const at = sorted.indexOf(output.peer.peerId)
        const nearer = sorted.slice(Math.max(0, at - 10), at + 10)
        lookup.answered(output.peer.peerId, SOMEWHERE, nearer.map(candidate))
      }
      assert.deepEqual(lookup.result(), sorted.slice(0, K))
    }),
    { numRuns: 30 },
  )
})
