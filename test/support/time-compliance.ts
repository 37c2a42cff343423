// What every implementation of Clock and Timers does, whichever time it keeps.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Clock, Timers } from '../../src/io/ports.ts'

/** A time under test; `pass` lets so many of its milliseconds go by. */
export interface TimeUnderTest {
  readonly clock: Clock
  readonly timers: Timers
  readonly pass: (ms: number) => Promise<void>
}

/** Declares the suite's tests for the implementation `make` gives. */
export const timeCompliance = (make: () => TimeUnderTest): void => {
  it('keeps two clocks that go forward together', async () => {
    const { clock, pass } = make()
    const now = clock.now()
    const wall = clock.wall()
    await pass(20)
    assert.ok(clock.now() >= now + 19)
    assert.ok(clock.wall() >= wall + 15)
    assert.ok(wall > Date.UTC(2020, 0, 1))
  })

  it('runs a timer once, at its time or after, never before', async () => {
    const { clock, timers, pass } = make()
    const ran: number[] = []
    for (const delay of [0.4, 1, 3.7, 12.2]) {
      const time = clock.now() + delay
      timers.at(time, () => ran.push(clock.now() - time))
    }
    await pass(60)
    assert.equal(ran.length, 4)
    for (const late of ran) assert.ok(late >= 0, `${late} ms`)
  })

  it('runs timers in order of their times, and those of the past as soon as it can', async () => {
    const { clock, timers, pass } = make()
    const ran: string[] = []
    const now = clock.now()
    timers.at(now + 30, () => ran.push('late'))
    timers.at(now - 5, () => ran.push('past'))
    timers.at(now + 10, () => ran.push('early'))
    await pass(60)
    assert.deepEqual(ran, ['past', 'early', 'late'])
  })

  it('runs nothing inside `at` and `soon` themselves', async () => {
    const { clock, timers, pass } = make()
    const ran: string[] = []
    timers.at(clock.now() - 1, () => ran.push('timer'))
    timers.soon(() => ran.push('soon'))
    assert.deepEqual(ran, [])
    await pass(10)
    assert.deepEqual(new Set(ran), new Set(['soon', 'timer']))
  })

  it('never runs a cancelled timer; cancelling again does nothing', async () => {
    const { clock, timers, pass } = make()
    let ran = 0
    const timer = timers.at(clock.now() + 5, () => ran++)
    const other = timers.at(clock.now() + 5, () => ran++)
    timer.cancel()
    timer.cancel()
    await pass(30)
    other.cancel()
    assert.equal(ran, 1)
  })

  it('sets no timer at Infinity, and none that comes early for being far away', async () => {
    const { clock, timers, pass } = make()
    let ran = 0
    const never = timers.at(Infinity, () => ran++)
    const far = timers.at(clock.now() + 2 ** 33, () => ran++)
    await pass(20)
    never.cancel()
    far.cancel()
    assert.equal(ran, 0)
  })

  it('runs `soon` in the order asked, also what is asked for meanwhile', async () => {
    const { timers, pass } = make()
    const ran: number[] = []
    timers.soon(() => {
      ran.push(1)
      timers.soon(() => ran.push(3))
    })
    timers.soon(() => ran.push(2))
    await pass(10)
    assert.deepEqual(ran, [1, 2, 3])
  })
}
