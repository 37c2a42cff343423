import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Address, addressOf } from '../../../src/core/address.ts'
import { type Destination, DialLimits } from '../../../src/core/dialling/dial-limits.ts'
import { DialRate, hostOf } from '../../../src/core/dialling/dial-rate.ts'
import { Pauses } from '../../../src/core/dialling/pauses.ts'
import type { PeerId } from '../../../src/core/ids.ts'
import { peer } from '../peers/played.ts'

const SETTINGS = { dialPauseMs: 1000, dialPauseMsMax: 30_000, unansweredDialsMax: 10 }

const at = (ip: string, port = 9000): Address => addressOf(ip, port)!
const to = (ip: string, port = 9000, expected: PeerId | null = null): Destination => ({
  address: at(ip, port),
  expected,
})

test('an address that failed is left alone, twice as long after each failure in a row, half a minute at most', () => {
  const limits = new DialLimits(SETTINGS)
  const pauses: number[] = []
  for (let n = 0, now = 0; n < 8; n++) {
    limits.failed(to('127.0.0.1'), 'no-use', now)
    const next = limits.mayDialAt(to('127.0.0.1'), now)
    pauses.push(next - now)
    now = next
  }
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
})

test('a failure long after the last one is the first of a new row', () => {
  const limits = new DialLimits(SETTINGS)
  for (let n = 0; n < 5; n++) limits.failed(to('127.0.0.1'), 'no-use', 0)
  limits.failed(to('127.0.0.1'), 'no-use', 46_001)
  assert.equal(limits.mayDialAt(to('127.0.0.1'), 46_001), 47_001)
})

test('what failed is one address, not its host, and whoever was expected there', () => {
  const limits = new DialLimits(SETTINGS)
  limits.failed(to('192.0.2.1', 1, peer(1)), 'no-use', 0)
  assert.equal(limits.mayDialAt(to('192.0.2.1', 1, peer(2)), 0), 1000)
  assert.equal(limits.mayDialAt(to('192.0.2.1', 1), 0), 1000)
  assert.equal(limits.mayDialAt(to('192.0.2.1', 2, peer(1)), 0), 0)
})

test('where another peer answered, only the expectation failed', () => {
  const limits = new DialLimits(SETTINGS)
  limits.failed(to('192.0.2.1', 1, peer(1)), 'another-peer', 0)
  assert.equal(limits.mayDialAt(to('192.0.2.1', 1, peer(1)), 0), 1000)
  assert.equal(limits.mayDialAt(to('192.0.2.1', 1, peer(2)), 0), 0)
  assert.equal(limits.mayDialAt(to('192.0.2.1', 1), 0), 0)
})

test('a peer identified at the address, or a caller that insists, ends the pause and the row', () => {
  const limits = new DialLimits(SETTINGS)
  for (let n = 0; n < 3; n++) limits.failed(to('192.0.2.1', 1, peer(1)), 'no-use', 0)
  limits.failed(to('192.0.2.1', 1, peer(1)), 'another-peer', 0)
  limits.forget(to('192.0.2.1', 1, peer(1)))
  assert.equal(limits.mayDialAt(to('192.0.2.1', 1, peer(1)), 0), 0)
  limits.failed(to('192.0.2.1', 1, peer(1)), 'no-use', 0)
  assert.equal(limits.mayDialAt(to('192.0.2.1', 1, peer(1)), 0), 1000)
})

test('dials that found their peer count for nothing', () => {
  const limits = new DialLimits(SETTINGS)
  for (let n = 0; n < 1000; n++) {
    assert.equal(limits.mayDialAt(to('192.0.2.1', n), n), n)
    limits.began(to('192.0.2.1', n), n)
    limits.answered(to('192.0.2.1', n), n)
  }
})

test('the /64 of an IPv6 address is one host, and loopback has no rate', () => {
  const limits = new DialLimits(SETTINGS)
  for (let n = 0; n < SETTINGS.unansweredDialsMax; n++) {
    limits.began(to(`2001:db8::${n + 1}`), n)
    limits.began(to('::1'), n)
  }
  assert.equal(limits.mayDialAt(to('2001:db8::ffff:1'), 20), 60_000)
  assert.equal(limits.mayDialAt(to('2001:db8:0:1::1'), 20), 20)
  assert.equal(limits.mayDialAt(to('::1'), 20), 20)
})

test('in any minute, whatever is answered and forgotten, no more than so many dials go unanswered at one host', () => {
  const step = fc.record({
    pauseMs: fc.nat({ max: 8000 }),
    port: fc.nat({ max: 3 }),
    end: fc.constantFrom('answered', 'failed', 'nothing'),
    insist: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const limits = new DialLimits(SETTINGS)
      const unanswered: number[] = []
      let now = 0
      for (const { pauseMs, port, end, insist } of steps) {
        now += pauseMs
        const destination = to('192.0.2.1', port + 1)
        if (insist) limits.forget(destination)
        if (limits.mayDialAt(destination, now) > now) continue
        limits.began(destination, now)
        if (end === 'answered') limits.answered(destination, now)
        else unanswered.push(now)
        if (end === 'failed') limits.failed(destination, 'no-use', now)
        const lately = unanswered.filter((began) => began > now - 60_000)
        assert.ok(lately.length <= SETTINGS.unansweredDialsMax)
      }
    }),
    { numRuns: 500 },
  )
})

test('the time that is named is the time at which it may be dialled, and not before', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 5000 }), { minLength: 12, maxLength: 40, size: 'max' }), (pauses) => {
      const limits = new DialLimits(SETTINGS)
      let now = 0
      for (const pauseMs of pauses) {
        now += pauseMs
        const next = limits.mayDialAt(to('192.0.2.1'), now)
        if (next > now) assert.ok(limits.mayDialAt(to('192.0.2.1'), next - 1) > next - 1)
        assert.equal(limits.mayDialAt(to('192.0.2.1'), next), next)
        now = next
        limits.began(to('192.0.2.1'), now)
        limits.failed(to('192.0.2.1'), 'no-use', now)
      }
    }),
  )
})

test('a dial that is given back is that one, whichever of them it was', () => {
  const rate = new DialRate({ perMinute: 3, hostsMax: 1 })
  for (const began of [0, 1, 2]) rate.began('host', began)
  rate.giveBack('host', 1)
  rate.giveBack('host', 1)
  assert.equal(rate.mayDialAt('host', 3), 3)
  rate.began('host', 3)
  assert.equal(rate.mayDialAt('host', 4), 60_000)
  rate.giveBack('host', 0)
  rate.began('host', 5)
  assert.equal(rate.mayDialAt('host', 6), 60_002)
})

test('what is remembered is bounded: the oldest goes', () => {
  const pauses = new Pauses({ firstMs: 1000, msMax: 1000, rowMs: 0, placesMax: 3 })
  const rate = new DialRate({ perMinute: 1, hostsMax: 3 })
  for (let n = 1; n <= 9; n++) {
    pauses.failed(`${n}`, n)
    rate.began(hostOf(at(`192.0.2.${n}`)), n)
  }
  assert.deepEqual([pauses.size, rate.size], [3, 3])
  assert.deepEqual([pauses.until('6'), pauses.until('7')], [0, 1007])
  assert.equal(rate.mayDialAt(hostOf(at('192.0.2.6')), 9), 9)
  assert.equal(rate.mayDialAt(hostOf(at('192.0.2.7')), 9), 60_007)
  rate.giveBack(hostOf(at('192.0.2.7')), 7)
  assert.equal(rate.size, 2)
})
