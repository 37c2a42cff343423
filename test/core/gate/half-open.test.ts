import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Standing } from '../../../src/core/counters.ts'
import { HalfOpen, type PoolName, type SlotPlan } from '../../../src/core/gate/half-open.ts'
import { type Path, Population } from '../../../src/core/gate/population.ts'
import type { Level } from '../../../src/core/gate/source.ts'
import { connectionHandle } from '../../../src/core/ids.ts'
import { ip4, ip6, source } from './sources.ts'

/** Some hosts of some networks of some regions, few enough to meet. */
const path: fc.Arbitrary<Path> = fc
  .tuple(fc.nat(2), fc.nat(2), fc.nat(2))
  .map(([a, b, c]) => [`${a}`, `${a}.${b}`, `${a}.${b}.${c}`])

describe('a population', () => {
  /** What a population is, the slow way: everybody in order. */
  class Everybody {
    members: { item: number; path: Path; rank: number }[] = []

    count(prefix: Path): number {
      return this.members.filter(({ path }) => prefix.every((key, i) => path[i] === key)).length
    }

    fullestUnder(prefix: Path): number {
      const children = new Set(
        this.members
          .filter(({ path }) => prefix.every((key, i) => path[i] === key))
          .map(({ path }) => path[prefix.length]!),
      )
      return Math.max(0, ...[...children].map((key) => this.count([...prefix, key])))
    }
  }

  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), path, rank: fc.nat(1) }),
    fc.record({
      kind: fc.constantFrom('remove' as const, 'touch' as const, 'postpone' as const),
      at: fc.nat(50),
      rank: fc.nat(1),
    }),
  )

  test('counts each prefix, and names as rival the first of a prefix that holds enough more, as slow counting does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), path, (steps, newcomer) => {
        const population = new Population<number>()
        const slow = new Everybody()
        for (const [item, step] of steps.entries()) {
          if (step.kind === 'add') {
            population.add(item, step.path, step.rank)
            slow.members.push({ item, path: step.path, rank: step.rank })
          } else if (slow.members.length > 0) {
            const at = step.at % slow.members.length
            const member = slow.members[at]!
            if (step.kind === 'remove') {
              assert.ok(population.remove(member.item))
              slow.members.splice(at, 1)
            } else if (step.kind === 'touch') population.touch(member.item)
            else {
              population.postpone(member.item, step.rank)
              slow.members.splice(at, 1)
              slow.members.push({ ...member, rank: step.rank })
            }
          }
          population.checkInvariants()
        }
        assert.equal(population.size, slow.members.length)
        assert.equal(population.remove(-1), false)
        for (const depth of [1, 2, 3])
          assert.equal(population.count(newcomer, depth), slow.count(newcomer.slice(0, depth)))
        for (const lead of [0, 2] as const) {
          const rival = population.rival(newcomer, lead)
          const depth = [0, 1, 2].find(
            (d) => slow.fullestUnder(newcomer.slice(0, d)) >= slow.count(newcomer.slice(0, d + 1)) + Math.max(1, lead),
          )
          if (depth === undefined) {
            const host = slow.members.filter(({ path }) => path.join() === newcomer.join())
            assert.equal(rival, lead === 0 ? (host.toSorted((a, b) => a.rank - b.rank)[0]?.item ?? null) : null)
            continue
          }
          const victim = slow.members.find(({ item }) => item === rival)!
          assert.deepEqual(victim.path.slice(0, depth), newcomer.slice(0, depth))
          for (let d = depth; d < 3; d++) {
            assert.equal(slow.count(victim.path.slice(0, d + 1)), slow.fullestUnder(victim.path.slice(0, d)))
          }
          const host = slow.members.filter(({ path }) => path.join() === victim.path.join())
          assert.equal(host.toSorted((a, b) => a.rank - b.rank)[0], victim)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('among equally full prefixes the one heard of longest ago is the first', () => {
    const population = new Population<string>()
    for (const item of ['a', 'b', 'c']) population.add(item, [item, item, item])
    population.touch('a')
    assert.equal(population.rival(['d', 'd', 'd'], 0), 'b')
    population.touch('b')
    assert.equal(population.rival(['d', 'd', 'd'], 0), 'c')
  })
})

const LIMITS = {
  inboundMax: 64,
  outboundMax: 4,
  timeoutMs: 10_000,
  reservedShare: 1 / 4,
  strangersMax: 8,
  strangersPerNetworkMax: 2,
  silentAfterMs: 2000,
}

/** Slots in the hands of a driver that does as planned. */
class Slots {
  readonly halfOpen = new HalfOpen(LIMITS)
  readonly displaced: number[] = []
  now = 0
  #drawn = 0

  /** The handle of a newcomer that was seated, or null. */
  seat(ip: string, standing: Standing = 'retry'): number | null {
    const plan = this.halfOpen.plan(source(ip), standing, this.now)
    if (plan === null) return null
    if (plan.displaced !== null) {
      this.displaced.push(plan.displaced)
      assert.ok(this.halfOpen.release(plan.displaced))
    }
    this.halfOpen.take(connectionHandle(++this.#drawn), plan.pool, source(ip), this.now)
    return this.#drawn
  }

  plan(ip: string, standing: Standing = 'retry'): SlotPlan | null {
    return this.halfOpen.plan(source(ip), standing, this.now)
  }
}

describe('slots', () => {
  test('are ordinary, reserved and for strangers, and nobody takes what is kept for others', () => {
    const slots = new Slots()
    const { halfOpen } = slots
    assert.deepEqual([halfOpen.maxOf('ordinary'), halfOpen.maxOf('reserved'), halfOpen.maxOf('strangers')], [40, 16, 8])
    let seated = 0
    while (slots.seat(ip4(seated << 16)) !== null && seated < 100) seated++
    assert.equal(seated, 40)
    for (let n = 0; n < 16; n++) assert.notEqual(slots.seat(ip4(n << 16), 'new-token'), null)
    assert.equal(slots.plan(ip4(99 << 16), 'new-token'), null)
    for (let n = 0; n < 8; n++) assert.notEqual(slots.seat(ip4(n << 8), 'stranger'), null)
    assert.equal(slots.plan(ip4(99 << 8), 'stranger'), null)
    assert.equal(halfOpen.count('inbound'), 64)
    halfOpen.checkInvariants()
  })

  test('whoever is on this machine may take them all', () => {
    const slots = new Slots()
    for (let n = 0; n < 64; n++) assert.notEqual(slots.seat('127.0.0.1', 'trusted'), null)
    assert.equal(slots.plan('127.0.0.1', 'trusted'), null)
    assert.notEqual(slots.plan(ip4(1)), null, 'one from elsewhere displaces them')
  })

  test('of one network strangers have only so many', () => {
    const slots = new Slots()
    for (const ip of [ip4(1), ip4(2)]) assert.notEqual(slots.seat(ip, 'stranger'), null)
    assert.equal(slots.plan(ip4(3), 'stranger'), null)
    assert.notEqual(slots.plan(ip4(256), 'stranger'), null)
    assert.notEqual(slots.plan(ip4(3)), null, 'once it is validated that is no matter')
  })

  test('strangers displace nobody', () => {
    const slots = new Slots()
    for (let n = 0; n < 4; n++) for (const ip of [ip4(n << 8), ip4((n << 8) + 1)]) slots.seat(ip, 'stranger')
    slots.now = 9000
    assert.equal(slots.plan(ip4(99 << 16), 'stranger'), null)
  })

  test('a newcomer displaces the oldest of the prefix that holds most, if that holds two more', () => {
    const slots = new Slots()
    for (let n = 0; n < 20; n++) for (const ip of [ip4(1), ip4(1 << 16)]) slots.seat(ip)
    assert.notEqual(slots.seat(ip4(2 << 16)), null)
    assert.deepEqual(slots.displaced, [1])
    assert.notEqual(slots.seat(ip4(2 << 16)), null)
    assert.deepEqual(slots.displaced, [1, 2])
    assert.equal(slots.plan(ip4(1)), null, '19 against 19')
    assert.equal(slots.plan(ip4(2))?.displaced, 3, 'of its own network another host holds all')
  })

  test('within one region networks are fair to each other, and within one network hosts are', () => {
    const slots = new Slots()
    for (let n = 0; n < 40; n++) slots.seat(ip4(1))
    assert.notEqual(slots.seat(ip4(256)), null)
    assert.notEqual(slots.seat(ip4(2)), null)
    assert.deepEqual(slots.displaced, [1, 2])
  })

  test('a provider with a whole /32 of IPv6 is one region, however many networks it uses', () => {
    const slots = new Slots()
    for (let n = 0; n < 40; n++) assert.notEqual(slots.seat(`2001:db8:${n.toString(16)}::1`), null)
    assert.notEqual(slots.seat('2001:db9::1'), null)
    assert.deepEqual(slots.displaced, [1])
  })

  test('when nobody holds two more, one that was silent for long gives way, and one that was heard does not', () => {
    const slots = new Slots()
    for (let n = 1; n <= 40; n++) slots.seat(ip4(n << 16))
    slots.now = 1999
    assert.equal(slots.plan(ip4(99 << 16)), null)
    slots.halfOpen.heard(connectionHandle(1), slots.now)
    slots.now = 2000
    assert.equal(slots.plan(ip4(99 << 16))?.displaced, 2)
    assert.equal(slots.plan(ip4(3 << 16))?.displaced, 3, 'a host that has a slot may only displace itself')
    assert.equal(slots.plan(ip4(1 << 16)), null)
    for (let n = 2; n <= 40; n++) slots.halfOpen.heard(connectionHandle(n), slots.now)
    assert.equal(slots.plan(ip4(99 << 16)), null)
  })

  test('nothing that is heard moves a deadline', () => {
    const slots = new Slots()
    slots.seat(ip4(1))
    slots.halfOpen.heard(connectionHandle(1), 9000)
    assert.equal(slots.halfOpen.deadline(connectionHandle(1)), 10_000)
  })

  test('inbound and outbound slots are apart, and a slot given back twice is one slot', () => {
    const slots = new HalfOpen({ ...LIMITS, inboundMax: 2, outboundMax: 1, reservedShare: 1 / 4 })
    assert.equal(slots.take(connectionHandle(1), 'ordinary', source(ip4(1)), 5), 10_005)
    slots.take(connectionHandle(2), 'ordinary', source(ip4(1)), 6)
    assert.equal(slots.plan(source(ip4(1)), 'retry', 6), null)
    assert.equal(slots.outboundFree, true)
    slots.takeOutbound(connectionHandle(3), 7)
    assert.equal(slots.outboundFree, false)
    assert.equal(slots.release(connectionHandle(1)), true)
    assert.equal(slots.release(connectionHandle(1)), false)
    assert.equal(slots.count('inbound'), 1)
    assert.equal(slots.deadline(connectionHandle(2)), 10_006)
    assert.equal(slots.deadline(connectionHandle(1)), Infinity)
    slots.checkInvariants()
  })

  test('who is displaced held two more where the two part, or one more and was silent, and strangers displace nobody', () => {
    const ip = fc.oneof(
      fc.nat(0x3_0303).map(ip4),
      fc.tuple(fc.nat(3), fc.nat(300)).map(([a, b]) => ip6((a << 16) + b)),
    )
    const standing = fc.constantFrom<Standing>('retry', 'retry', 'new-token', 'stranger')
    const arrival = fc.record({ ip, standing, wait: fc.nat(200), leaves: fc.nat(9).map((n) => n === 0) })
    let displaced = 0
    fc.assert(
      fc.property(fc.array(arrival, { minLength: 100, maxLength: 250, size: 'max' }), (arrivals) => {
        const slots = new Slots()
        const seats = new Map<number, { ip: string; pool: PoolName; since: number }>()
        const held = (pool: PoolName, level: Level, ip: string): number => {
          const prefix = source(ip).key(level)
          return [...seats.values()].filter((seat) => seat.pool === pool && source(seat.ip).key(level) === prefix)
            .length
        }
        for (const { ip, standing, wait, leaves } of arrivals) {
          slots.now += wait
          const plan = slots.plan(ip, standing)
          if (plan !== null && plan.displaced !== null) {
            displaced++
            const { pool } = plan
            const gone = seats.get(plan.displaced)!
            assert.equal(gone.pool, pool)
            assert.notEqual(standing, 'stranger')
            const parting = (['region', 'network', 'host'] as const).find(
              (level) => source(gone.ip).key(level) !== source(ip).key(level),
            )
            const lead = parting === undefined ? 0 : held(pool, parting, gone.ip) - held(pool, parting, ip)
            if (lead < 2) assert.ok((lead === 1 || parting === undefined) && slots.now - gone.since >= 2000)
            seats.delete(plan.displaced)
          }
          const seated = slots.seat(ip, standing)
          assert.equal(seated === null, plan === null)
          if (seated === null || plan === null) continue
          seats.set(seated, { ip, pool: plan.pool, since: slots.now })
          if (leaves) slots.halfOpen.release(connectionHandle(seated))
          if (leaves) seats.delete(seated)
          slots.halfOpen.checkInvariants()
        }
        assert.equal(slots.halfOpen.count('inbound'), seats.size)
      }),
      { numRuns: 30 },
    )
    assert.ok(displaced > 100, 'the property was put to the test')
  })

  test('whoever fills the slots from few regions, one of a fresh region is always seated', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(19), { minLength: 40, maxLength: 200, size: 'max' }), (regions) => {
        const slots = new Slots()
        for (const [i, region] of regions.entries()) slots.seat(ip4((region << 16) + i))
        assert.notEqual(slots.seat(ip4(99 << 16)), null)
      }),
    )
  })
})
