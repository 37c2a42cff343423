// Both times, the process's own and the tests', under one suite; then what only the tests' time can do.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/io/clock.ts'
import { systemTimers } from '../../src/io/timers.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { timeCompliance } from '../support/time-compliance.ts'

describe('the time of the process', () => {
  const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms + 5))
  timeCompliance(() => ({ clock: systemClock, timers: systemTimers, pass }))
})

describe('the time of tests', () => {
  timeCompliance(() => {
    const clock = new FakeClock()
    return { clock, timers: clock, pass: (ms) => clock.advance(ms) }
  })

  it('lets promises go on between one timer and the next', async () => {
    const clock = new FakeClock()
    const seen: string[] = []
    const wait = (ms: number): Promise<void> => new Promise((resolve) => clock.at(clock.now() + ms, resolve))
    const walk = async (): Promise<void> => {
      await wait(10)
      seen.push(`walked ${clock.now()}`)
      await wait(10)
      seen.push(`walked ${clock.now()}`)
    }
    const done = walk()
    clock.at(15, () => seen.push('timer 15'))
    clock.at(20, () => seen.push('timer 20'))
    await clock.advance(100)
    await done
    assert.deepEqual(seen, ['walked 10', 'timer 15', 'timer 20', 'walked 20'])
    assert.equal(clock.now(), 100)
  })

  it('runs until a promise is settled, as fast as the timers allow', async () => {
    const clock = new FakeClock()
    const hour = new Promise<string>((resolve) => clock.at(3_600_000, () => resolve('done')))
    assert.equal(await clock.until(hour, 4_000_000), 'done')
    assert.equal(clock.now(), 3_600_000)
    const failing = new Promise<never>((_, reject) => clock.soon(() => reject(new Error('no'))))
    await assert.rejects(clock.until(failing), /no/)
  })

  it('says so when a promise can never be settled', async () => {
    const clock = new FakeClock()
    const never = new Promise<void>(() => {})
    await assert.rejects(clock.until(never), /nothing is left/)
    clock.at(50, () => {})
    await assert.rejects(clock.until(never, 20), /still pending/)
  })

  it('notices callbacks that keep asking for one another', async () => {
    const clock = new FakeClock()
    const again = (): void => void clock.at(clock.now(), again)
    again()
    await assert.rejects(clock.advance(1), /stands still/)
  })

  it('runs ten thousand timers in order', async () => {
    const clock = new FakeClock()
    const random = new SeededRandom(7)
    const ran: number[] = []
    for (let i = 0; i < 10_000; i++) {
      const time = random.below(1000)
      const timer = clock.at(time, () => ran.push(time))
      if (i % 3 === 0) timer.cancel()
    }
    await clock.advance(1000)
    assert.equal(ran.length, 6666)
    assert.deepEqual(
      ran,
      ran.toSorted((a, b) => a - b),
    )
  })
})

describe('seeded randomness', () => {
  it('repeats itself for a seed and differs between neighbours', () => {
    const draw = (seed: number): string => {
      const random = new SeededRandom(seed)
      const bytes = new Uint8Array(16)
      random.fill(bytes)
      return bytes.toString()
    }
    assert.equal(draw(1), draw(1))
    assert.equal(new Set(Array.from({ length: 100 }, (_, i) => draw(i))).size, 100)
  })

  it('spreads its fractions evenly', () => {
    const random = new SeededRandom(3)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let i = 0; i < 10_000; i++) counts[random.below(10)]!++
    for (const count of counts) assert.ok(count > 850 && count < 1150, String(counts))
  })
})
