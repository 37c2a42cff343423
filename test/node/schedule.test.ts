import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Due, Schedule } from '../../src/node/schedule.ts'

/** A world in which everything takes its time: a clock that runs on while deadlines run, and timers that run one a turn. */
class SlowWorld {
  time = 0
  readonly #timers: { at: number; run: () => void; cancelled: boolean }[] = []
  readonly schedule = new Schedule(
    { now: () => this.time, wall: () => 0 },
    {
      at: (at, run) => {
        const timer = { at, run, cancelled: false }
        this.#timers.push(timer)
        return { cancel: () => void (timer.cancelled = true) }
      },
      soon: () => assert.fail('nothing is asked for soon'),
    },
  )

  /** Runs the next timer; false when none is set. */
  turn(): boolean {
    const living = this.#timers.splice(0).filter(({ cancelled }) => !cancelled)
    const next = living.reduce<(typeof living)[number] | null>((a, b) => (a === null || b.at < a.at ? b : a), null)
    this.#timers.push(...living.filter((timer) => timer !== next))
    if (next === null) return false
    this.time = Math.max(this.time, next.at)
    next.run()
    return true
  }
}

test('a turn of deadlines is over after a few milliseconds, however many are due, and all run in the order of their time', () => {
  const deadlines = fc.array(fc.record({ at: fc.nat(50), costMs: fc.nat(4) }), { maxLength: 300, size: 'max' })
  fc.assert(
    fc.property(deadlines, (all) => {
      const world = new SlowWorld()
      const ran: number[] = []
      for (const [n, { at, costMs }] of all.entries()) {
        world.schedule.once(at, () => {
          assert.ok(world.time >= at)
          ran.push(n)
          world.time += costMs
        })
      }
      for (let began = ran.length; world.turn(); began = ran.length) {
        const spent = ran.slice(began).reduce((sum, n) => sum + (all[n]?.costMs ?? 0), 0)
        assert.ok(spent <= 5 + 4, `one turn took ${spent} ms`)
      }
      const expected = [...all.keys()].sort((a, b) => (all[a]?.at ?? 0) - (all[b]?.at ?? 0) || a - b)
      assert.deepEqual(ran, expected)
    }),
  )
})

test('something that is due again and again does not keep a turn from its end', () => {
  const world = new SlowWorld()
  let runs = 0
  const again: Due = {
    run: (now) => {
      runs++
      world.time += 0.5
      if (runs < 100) world.schedule.set(again, now)
    },
  }
  world.schedule.set(again, 0)
  let turns = 0
  while (world.turn()) turns++
  assert.equal(runs, 100)
  assert.ok(turns >= 10 && turns <= 12, `${turns} turns`)
})
