import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { FAULT_KINDS } from '../../src/world/faults/fault.ts'
import { chosen, parseChoice, scheduleOf } from '../../src/world/faults/schedule.ts'
import { SeededRandom } from '../../src/world/random.ts'
import { shrink } from '../../src/world/shrink.ts'

const SPAN = { hosts: 12, fromMs: 10_000, toMs: 200_000, everyMs: 2000 }

describe('a fault schedule', () => {
  it('is what its seed says, in order, within its span, of every kind, and hits only hosts there are', () => {
    const faults = scheduleOf({ ...SPAN, seed: 5, toMs: 2_000_000 })
    assert.deepEqual(faults, scheduleOf({ ...SPAN, seed: 5, toMs: 2_000_000 }))
    assert.notDeepEqual(faults, scheduleOf({ ...SPAN, seed: 6, toMs: 2_000_000 }))
    assert.deepEqual(
      faults.map(({ number }) => number),
      faults.map((_, n) => n + 1),
    )
    for (const { at, forMs, hosts, strength } of faults) {
      assert.ok(at >= 10_000 && at < 2_000_000 && forMs > 0 && strength >= 0 && strength < 1)
      assert.ok(hosts.every((place, n) => place < 12 && place > (hosts[n - 1] ?? -1)))
    }
    assert.deepEqual(new Set(faults.map(({ kind }) => kind)), new Set(FAULT_KINDS))
  })

  it('leaves each fault as it is when others are left out', () => {
    const all = scheduleOf({ ...SPAN, seed: 9 })
    const some = chosen(all, parseChoice('3,7,8')!)
    assert.deepEqual(some, [all[2], all[6], all[7]])
    const kinds = chosen(all, parseChoice('loss,crash')!)
    assert.deepEqual(
      kinds,
      all.filter(({ kind }) => kind === 'loss' || kind === 'crash'),
    )
    assert.equal(chosen(all, parseChoice('all')!).length, all.length)
    assert.equal(chosen(all, parseChoice('none')!).length, 0)
    for (const text of ['', 'loss,', 'nothing', '0', '1,x', '-1']) assert.equal(parseChoice(text), null, text)
  })
})

describe('seeded randomness by concern', () => {
  it('gives each concern a stream of its own, the same for ever', () => {
    const drawn = (concern: string): string => new SeededRandom(7, concern).bytes(8).join()
    assert.equal(drawn('a'), drawn('a'))
    assert.equal(new Set(['', 'a', 'b', 'aa', 'ab'].map(drawn)).size, 5)
    assert.notEqual(new SeededRandom(8, 'a').bytes(8).join(), drawn('a'))
  })
})

describe('shrinking', () => {
  it('keeps only what is needed to fail, whatever that is', async () => {
    const cases = fc.record({ count: fc.integer({ min: 1, max: 40 }), needed: fc.uniqueArray(fc.nat({ max: 39 })) })
    await fc.assert(
      fc.asyncProperty(cases, async ({ count, needed }) => {
        const items = Array.from({ length: count }, (_, n) => n)
        const needs = needed.filter((n) => n < count)
        const fails = async (part: readonly number[]): Promise<boolean> => needs.every((n) => part.includes(n))
        const { items: kept, isMinimal } = await shrink(items, fails, 1000)
        assert.deepEqual(
          [...kept].toSorted((a, b) => a - b),
          needs.toSorted((a, b) => a - b),
        )
        assert.ok(isMinimal)
      }),
    )
  })

  it('stops when its tries are used up, and says so', async () => {
    const items = Array.from({ length: 30 }, (_, n) => n)
    const shrunk = await shrink(items, async (part) => part.includes(17), 3)
    assert.deepEqual([shrunk.tries, shrunk.isMinimal], [3, false])
    assert.ok(shrunk.items.includes(17) && shrunk.items.length < 30)
  })
})
