import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Slots, admit } from '../../../src/core/chunks/admission.ts'
import { isAmongClosest, nearestFirst, readingOrder } from '../../../src/core/chunks/closeness.ts'
import { compareDistance } from '../../../src/core/kademlia/distance.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import type { PeerId } from '../../../src/core/ids.ts'

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
const peer = bytes.map(peerIdOf)
const address = bytes.map(chunkAddressOf)
const network = fc.option(fc.constantFrom('192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'))
const candidates = fc.array(fc.record({ peer, network }), { maxLength: 40, size: 'max' })

const distance = (a: string, b: string): bigint => BigInt(`0x${a}`) ^ BigInt(`0x${b}`)

test('closeness is the order of the XOR distances', () => {
  fc.assert(
    fc.property(address, peer, peer, (target, a, b) => {
      const [x, y] = [distance(target, a), distance(target, b)]
      assert.equal(Math.sign(compareDistance(target, a, b)), x < y ? -1 : x > y ? 1 : 0)
    }),
  )
})

test('candidates come nearest first, each peer once, 20 at most', () => {
  fc.assert(
    fc.property(address, candidates, (target, all) => {
      const near = nearestFirst(target, [...all, ...all]).map(({ peer }) => peer)
      const sorted = [...new Set(all.map(({ peer }) => peer))].sort((a, b) =>
        distance(target, a) < distance(target, b) ? -1 : 1,
      )
      assert.deepEqual(near, sorted.slice(0, 20))
    }),
  )
})

test('a reader asks the 7 that an uploader chooses first, at most 2 of them in one network, then the rest', () => {
  fc.assert(
    fc.property(address, candidates, (target, all) => {
      const near = nearestFirst(target, all)
      const order = readingOrder(target, all)
      assert.deepEqual([...order].sort(), near.map(({ peer }) => peer).sort())
      const networks = new Map(near.map(({ peer, network }) => [peer, network]))
      const chosen: PeerId[] = []
      for (const { peer, network } of near) {
        const alike = chosen.filter((other) => networks.get(other) === network).length
        if (chosen.length < 7 && (network === null || alike < 2)) chosen.push(peer)
      }
      assert.deepEqual(order.slice(0, chosen.length), chosen)
    }),
  )
})

test('we are among the closest exactly when fewer than 20 known peers are nearer', () => {
  fc.assert(
    fc.property(address, peer, fc.array(peer, { maxLength: 40, size: 'max' }), (target, self, known) => {
      const nearer = known.filter((other) => distance(target, other) < distance(target, self)).length
      assert.equal(isAmongClosest(target, self, known), nearer < 20)
    }),
  )
})

test('an offer is refused when it is malformed, not close or too large for the room, and welcome otherwise', () => {
  const target = chunkAddressOf(new Uint8Array(32))
  const self = peerIdOf(new Uint8Array(32).fill(0xff))
  const near = Array.from({ length: 20 }, (_, i): PeerId => peerIdOf(new Uint8Array(32).fill(i)))
  const offer = { address: target, bytes: 1000 }
  assert.deepEqual(admit(offer, { self, known: [] }), { kind: 'welcome' })
  assert.deepEqual(admit(offer, { self, known: near }), { kind: 'refused', reason: 'not-closest' })
  assert.equal(admit({ ...offer, bytes: 16 }, { self, known: [] }).kind, 'malformed')
  assert.equal(admit({ ...offer, bytes: 4 * 1024 * 1024 + 17 }, { self, known: [] }).kind, 'malformed')
})

test('slots never exceed the limits of one peer or of all, and every one given back is free again', () => {
  const limits = { perPeerMax: 2, totalMax: 5 }
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 3 }), fc.boolean()), { maxLength: 60, size: 'max' }), (steps) => {
      const slots = new Slots(limits)
      const held = [0, 0, 0, 0]
      for (const [who, enter] of steps) {
        const peer = peerIdOf(new Uint8Array(32).fill(who))
        const total = held.reduce((sum, n) => sum + n, 0)
        if (enter) {
          const granted = slots.enter(peer)
          assert.equal(granted, held[who]! < 2 && total < 5)
          if (granted) held[who]!++
        } else if (held[who]! > 0) {
          slots.leave(peer)
          held[who]!--
        }
        assert.equal(
          slots.total,
          held.reduce((sum, n) => sum + n, 0),
        )
      }
    }),
  )
})
