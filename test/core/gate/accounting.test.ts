import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../../src/core/bytes.ts'
import { Budget } from '../../../src/core/gate/budget.ts'
import { KeyedHash } from '../../../src/core/gate/keyed-hash.ts'
import { parsePrefix, PrefixSet } from '../../../src/core/gate/prefix-lists.ts'
import { RateLimiter } from '../../../src/core/gate/rate-limiter.ts'
import { RateSketch } from '../../../src/core/gate/rate-sketch.ts'
import { RecentVerdicts } from '../../../src/core/gate/recent-verdicts.ts'
import { type Level, LEVELS } from '../../../src/core/gate/source.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { ip4, ip6, source } from './sources.ts'

const hash = (seed = 1): KeyedHash => KeyedHash.random(new SeededRandom(seed))

describe('the keyed hash', () => {
  test('is HalfSipHash-2-4, by the vectors of its authors', () => {
    const keyed = new KeyedHash(Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]))
    const vectors = ['218d1f59b9b83cc8', 'be552412f8387315', '064f39ef7c50eb57', 'ce0f1a45f7060679', 'd5e78a175be52ea1']
    vectors.push('cb9d7c3f2f3db580', 'ce3e91358aa2bc25', 'ff202728b07bc684', 'edfee820bce4858c')
    for (const [length, vector] of vectors.entries()) {
      const [low, high] = keyed.digest(Uint8Array.from({ length }, (_, i) => i))
      const bytes = new DataView(new ArrayBuffer(8))
      bytes.setUint32(0, low, true)
      bytes.setUint32(4, high, true)
      assert.equal(toHex(new Uint8Array(bytes.buffer)), vector)
    }
  })
})

describe('prefixes', () => {
  test('two addresses share a key exactly when they share the bits of its level', () => {
    const bits: Record<Level, [number, number]> = {
      host: [32, 64],
      site: [24, 56],
      network: [24, 48],
      region: [16, 32],
    }
    const address = fc.oneof(fc.nat(0xffffff).map(ip4), fc.nat(0x7fffffff).map(ip6))
    const binary = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
    fc.assert(
      fc.property(address, address, (one, other) => {
        const [a, b] = [source(one), source(other)]
        for (const level of LEVELS) {
          const length = bits[level][a.family === 4 ? 0 : 1]
          const same = a.family === b.family && binary(a.bytes).slice(0, length) === binary(b.bytes).slice(0, length)
          assert.equal(a.key(level) === b.key(level), same)
        }
      }),
    )
  })

  test('127.0.0.0/8 and ::1 are loopback, and nothing else is', () => {
    for (const ip of ['127.0.0.1', '127.9.8.7', '::1', '::ffff:127.0.0.1']) assert.ok(source(ip).loopback)
    for (const ip of ['128.0.0.1', '126.255.255.255', '::2', '::', '1::1', '10.0.0.127'])
      assert.ok(!source(ip).loopback)
  })

  test('a list holds the addresses of its prefixes', () => {
    const set = new PrefixSet(['192.0.2.0/24', '10.1.2.3', '2001:db8::/33', '198.51.100.128/25'])
    const has = (ip: string): boolean => set.has(source(ip).family, source(ip).bytes)
    for (const ip of ['192.0.2.0', '192.0.2.255', '10.1.2.3', '2001:db8:7fff::1', '198.51.100.200', '::ffff:192.0.2.9'])
      assert.ok(has(ip), ip)
    for (const ip of ['192.0.3.0', '10.1.2.4', '2001:db8:8000::1', '198.51.100.127', '::1']) assert.ok(!has(ip), ip)
    assert.ok(new PrefixSet([]).empty)
    assert.ok(new PrefixSet(['0.0.0.0/0']).has(4, source('9.9.9.9').bytes))
  })

  test('what is no prefix is none', () => {
    for (const text of [
      '',
      '192.0.2.1/24',
      '192.0.2.0/33',
      '192.0.2.0/-1',
      '192.0.2.0/024',
      '2001:db8::/129',
      '10.0.0.0/8/8',
      'here',
      '10.0.0.0/',
    ]) {
      assert.equal(parsePrefix(text), null, text)
    }
  })
})

describe('a budget', () => {
  test('grants its burst at once, then one a step, and no more than that in any time', () => {
    const rate = fc.record({ perSecond: fc.integer({ min: 1, max: 1000 }), burst: fc.integer({ min: 1, max: 200 }) })
    fc.assert(
      fc.property(rate, fc.array(fc.nat(5000), { minLength: 1, maxLength: 400, size: 'max' }), (rate, times) => {
        const budget = new Budget(rate)
        const granted: number[] = []
        for (const now of times.toSorted((a, b) => a - b)) if (budget.take(now)) granted.push(now)
        for (const [i, from] of granted.entries()) {
          for (let j = i; j < granted.length; j++) {
            const allowed = rate.burst + ((granted[j]! - from) * rate.perSecond) / 1000
            assert.ok(j - i + 1 <= allowed + 1e-3)
          }
        }
      }),
    )
    const budget = new Budget({ perSecond: 20, burst: 100 })
    const taken = (now: number): number => {
      let n = 0
      while (budget.take(now)) n++
      return n
    }
    assert.deepEqual([taken(0), taken(49), taken(50), taken(1050), taken(60_000)], [100, 0, 1, 20, 100])
  })
})

describe('a budget without an end', () => {
  test('is never spent', () => {
    for (const perSecond of [20, Infinity]) {
      const budget = new Budget({ perSecond, burst: Infinity })
      for (let n = 0; n < 1000; n++) assert.ok(budget.take(5))
    }
  })
})

describe('the sketch', () => {
  const RATE = { perSecond: 20, burst: 5 }
  const prefixOf = (n: number): Uint8Array => Uint8Array.from([n >> 16, n >> 8, n])

  test('never gives a prefix more than its own rate, whatever others are charged', () => {
    const step = fc.record({ prefix: fc.nat(30), wait: fc.nat(30) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.nat(), (steps, seed) => {
        const sketch = new RateSketch(RATE, hash(seed))
        const exact = new Map<number, Budget>()
        let now = 0
        for (const { prefix, wait } of steps) {
          now += wait
          const budget = exact.get(prefix) ?? new Budget(RATE)
          exact.set(prefix, budget)
          if (!sketch.admits(prefixOf(prefix), now)) continue
          assert.ok(budget.take(now), 'the sketch may only over-count')
          sketch.charge(prefixOf(prefix), now)
        }
      }),
    )
  })

  test('is exact while prefixes are few', () => {
    const sketch = new RateSketch(RATE, hash())
    const exact = Array.from({ length: 100 }, () => new Budget(RATE))
    const random = new SeededRandom(3)
    for (let now = 0; now < 20_000; now++) {
      const n = random.below(100)
      const admitted = sketch.admits(prefixOf(n), now)
      assert.equal(admitted, exact[n]!.take(now))
      if (admitted) sketch.charge(prefixOf(n), now)
    }
  })

  test('a million prefixes take no more memory than one, and a quiet one is still let in', () => {
    const sketch = new RateSketch({ perSecond: 20, burst: 100 }, hash())
    assert.equal(sketch.bytes, 0)
    sketch.charge(prefixOf(1), 0)
    const { bytes } = sketch
    assert.ok(bytes <= 32_768)
    let refused = 0
    for (let n = 0; n < 1_000_000; n++) {
      if (sketch.admits(prefixOf(n), n)) sketch.charge(prefixOf(n), n)
      else refused++
    }
    assert.equal(sketch.bytes, bytes)
    assert.equal(refused, 0)
  })

  test('with a tenth of its cells busy it mistakes hardly anybody', () => {
    const sketch = new RateSketch(RATE, hash())
    for (let n = 0; n < 100; n++) for (let i = 0; i < 5; i++) sketch.charge(prefixOf(n), 0)
    let mistaken = 0
    for (let n = 1000; n < 11_000; n++) if (!sketch.admits(prefixOf(n), 0)) mistaken++
    assert.ok(mistaken <= 10, `${mistaken} of 10,000`)
  })

  test('under another key other prefixes meet', () => {
    const meets = (seed: number): number[] => {
      const sketch = new RateSketch({ perSecond: 1, burst: 1 }, hash(seed))
      for (let n = 0; n < 1500; n++) sketch.charge(prefixOf(n), 0)
      return Array.from({ length: 500 }, (_, i) => 5000 + i).filter((n) => !sketch.admits(prefixOf(n), 0))
    }
    assert.notDeepEqual(meets(1), meets(2))
  })
})

describe('the rate limiter', () => {
  const limiter = (): RateLimiter =>
    new RateLimiter({ host: { perSecond: 20, burst: 100 }, wider: 10 }, new SeededRandom(5))
  /** How many of `tries` are let in. */
  const spend = (limiter: RateLimiter, ip: string, tries: number, now = 0): number => {
    let granted = 0
    for (let i = 0; i < tries; i++) {
      if (!limiter.admits(source(ip), now)) continue
      limiter.charge(source(ip), now)
      granted++
    }
    return granted
  }

  test('a host has its rate, ten times that has its network, and of IPv6 its site too', () => {
    const four = limiter()
    assert.equal(spend(four, ip4(1), 500), 100)
    for (let n = 2; n <= 10; n++) assert.equal(spend(four, ip4(n), 500), 100)
    assert.equal(spend(four, ip4(11), 500), 0)
    assert.equal(spend(four, ip4(256), 500), 100)
    const six = limiter()
    for (let n = 0; n < 10; n++) assert.equal(spend(six, ip6(n), 500), 100)
    assert.equal(spend(six, ip6(10), 500), 0, 'the same /56')
    assert.equal(spend(six, ip6(256), 500), 0, 'another /56 of the same /48')
    assert.equal(spend(six, ip6(65_536), 500), 100, 'another /48')
  })

  test('a host over its rate spends nothing of its neighbours', () => {
    const limited = limiter()
    spend(limited, ip4(1), 100_000)
    for (let n = 2; n <= 10; n++) assert.equal(spend(limited, ip4(n), 100), 100)
  })

  test('what is only asked about is charged to nobody', () => {
    const limited = limiter()
    for (let i = 0; i < 10_000; i++) assert.ok(limited.admits(source(ip4(1)), 0))
    assert.equal(limited.bytes, 0)
  })
})

describe('recent verdicts', () => {
  test('a flight is repeated once, in time, and by no other', () => {
    const recent = new RecentVerdicts(10, 500)
    recent.remember('a', 0)
    assert.equal(recent.repeats('b', 1), false)
    assert.equal(recent.repeats('a', 499), true)
    assert.equal(recent.repeats('a', 499), false)
    recent.remember('a', 500)
    assert.equal(recent.repeats('a', 1000), false)
  })

  test('it is bounded, and forgets the oldest', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(20), { maxLength: 100, size: 'max' }),
        fc.integer({ min: 1, max: 5 }),
        (flights, max) => {
          const recent = new RecentVerdicts(max, 500)
          for (const [now, flight] of flights.entries()) {
            recent.remember(String(flight), now)
            assert.ok(recent.size <= max)
          }
          const last = [...new Set(flights.toReversed())].slice(0, max)
          for (const flight of last) assert.ok(recent.repeats(String(flight), flights.length))
        },
      ),
    )
  })
})
