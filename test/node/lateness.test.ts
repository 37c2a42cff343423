import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Workers } from '../../src/io/ports.ts'
import { Lateness } from '../../src/node/lateness.ts'
import { Schedule } from '../../src/node/schedule.ts'

/** A world whose timers run only when its loop comes round. */
class Loop {
  time = 0
  signingMs = 0
  #timers: { at: number; run: () => void }[] = []
  readonly #clock = { now: () => this.time, wall: () => 0 }
  readonly schedule = new Schedule(this.#clock, {
    at: (at, run) => {
      const timer = { at, run }
      this.#timers.push(timer)
      return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) }
    },
    soon: (run) => run(),
  })
  readonly lateness = new Lateness(
    { clock: this.#clock, workers: { lateness: () => this.signingMs } as unknown as Workers },
    this.schedule,
  )

  /** Time passes; then the loop comes round. */
  turn(afterMs: number): void {
    this.time += afterMs
    const due = this.#timers.filter(({ at }) => at <= this.time)
    this.#timers = this.#timers.filter(({ at }) => at > this.time)
    for (const { run } of due) run()
  }
}

test('a node whose loop comes round is not late, however often it is asked', () => {
  const loop = new Loop()
  for (let i = 0; i < 100; i++) {
    assert.equal(loop.lateness.now(), 0)
    loop.turn(5)
  }
})

test('a held loop shows before its timers have run, for a while after, and then no more', () => {
  const loop = new Loop()
  loop.lateness.now()
  loop.time = 300
  assert.equal(loop.lateness.now(), 290)
  loop.turn(10)
  assert.equal(loop.lateness.now(), 300)
  loop.turn(10)
  assert.equal(loop.lateness.now(), 0, 'the next probe was on time')
})

test('a delay that nobody measured again is forgotten', () => {
  const loop = new Loop()
  loop.lateness.now()
  loop.turn(500)
  loop.turn(99)
  assert.equal(loop.lateness.now(), 490)
  loop.turn(1)
  assert.equal(loop.lateness.now(), 0)
})

test('what signing waits counts as well, whichever is longer', () => {
  const loop = new Loop()
  loop.signingMs = 80
  assert.equal(loop.lateness.now(), 80)
  loop.time = 510
  assert.equal(loop.lateness.now(), 500)
})

test('while nobody asks nothing is set', () => {
  const loop = new Loop()
  loop.lateness.now()
  assert.equal(loop.schedule.size, 1)
  loop.turn(1000)
  assert.equal(loop.schedule.size, 0)
})
