// The rule about several connections between the same two peers, at both of its ends at once, with whatever the network and the processes
// between them do: fast-check chooses the order of everything, and prints the seed and the shortest history that fails.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Side, SIDES, TwoEnds } from './two-ends.ts'

type Step =
  | { readonly kind: 'move'; readonly pick: number }
  | { readonly kind: 'dial' | 'request' | 'restart' | 'disconnect'; readonly side: Side }
  | { readonly kind: 'cut'; readonly pick: number }
  | { readonly kind: 'tick'; readonly ms: number }

const side = fc.constantFrom<Side>(0, 1)
const move = fc.record({ kind: fc.constant('move' as const), pick: fc.nat({ max: 40 }) })
const dial = fc.record({ kind: fc.constant('dial' as const), side })
const request = fc.record({ kind: fc.constant('request' as const), side })
const restart = fc.record({ kind: fc.constant('restart' as const), side })
const disconnect = fc.record({ kind: fc.constant('disconnect' as const), side })
const cut = fc.record({ kind: fc.constant('cut' as const), pick: fc.nat({ max: 10 }) })
const instant = fc.record({ kind: fc.constant('tick' as const), ms: fc.nat({ max: 8 }) })
const tick = fc.record({ kind: fc.constant('tick' as const), ms: fc.constantFrom(1, 400, 1000, 5000, 29_999) })

/** As many as one peer may have: beyond it the oldest ones are closed at once, by either end. */
const CONNECTIONS_MAX = 4

const take = (ends: TwoEnds, step: Step): void => {
  switch (step.kind) {
    case 'move': {
      const moves = ends.moves()
      return moves[step.pick % Math.max(1, moves.length)]?.()
    }
    case 'cut': {
      const wire = ends.wires[step.pick % Math.max(1, ends.wires.length)]
      return wire === undefined ? undefined : ends.cut(wire)
    }
    case 'tick':
      return ends.tick(step.ms)
    default:
      return ends[step.kind](step.side)
  }
}

/** Whether a step is one more dial than there may be connections. */
const isTooMany = (ends: TwoEnds, step: Step, max: number): boolean => step.kind === 'dial' && ends.living >= max

/** Plays a history with so many connections at once, checking after each step, and lets what is under way come to its end. */
const play = (steps: readonly Step[], max: number): TwoEnds => {
  const ends = new TwoEnds()
  for (const step of steps) {
    if (!isTooMany(ends, step, max)) take(ends, step)
    ends.check()
  }
  ends.settle()
  return ends
}

/** The same connections at both ends, and one in use at most. */
const agree = (ends: TwoEnds): void => {
  assert.deepEqual(new Set(ends.identifiedAt(0)), new Set(ends.identifiedAt(1)))
  assert.equal(ends.usableAt(0), ends.usableAt(1))
  assert.ok(ends.identifiedAt(0).length <= 1, 'one connection remains')
}

const weighted = (...parts: readonly [number, fc.Arbitrary<Step>][]): fc.Arbitrary<Step[]> =>
  fc.array(fc.oneof(...parts.map(([weight, arbitrary]) => ({ weight, arbitrary }))), { maxLength: 90, size: 'max' })

const property = (
  steps: fc.Arbitrary<Step[]>,
  holds: (ends: TwoEnds, steps: readonly Step[]) => void,
  { max = CONNECTIONS_MAX, numRuns = 1500 } = {},
): void =>
  fc.assert(
    fc.property(steps, (history) => holds(play(history, max), history)),
    { numRuns },
  )

test('dials that cross in any order end with one connection, the same at both ends, each told of once, and lose no request', () => {
  property(weighted([12, move], [2, dial], [2, request], [1, instant]), (ends, steps) => {
    agree(ends)
    const dialled = steps.some(({ kind }) => kind === 'dial')
    for (const each of SIDES) {
      assert.equal(ends.identifiedAt(each).length, dialled ? 1 : 0)
      assert.deepEqual(ends.processes[each].events, dialled ? ['connected'] : [])
    }
    assert.equal(ends.lostRequests, 0)
  })
})

test('more dials at once than a peer may have connections end with one all the same, at both ends', () => {
  property(
    weighted([5, move], [2, dial], [1, request]),
    (ends, steps) => {
      agree(ends)
      const dialled = steps.some(({ kind }) => kind === 'dial')
      for (const each of SIDES) assert.equal(ends.identifiedAt(each).length, dialled ? 1 : 0)
      // The end that decides never closes the connection it uses.
      assert.deepEqual(ends.processes[0].events, dialled ? ['connected'] : [])
    },
    { max: 2 * CONNECTIONS_MAX },
  )
})

test('connections that go silent leave the others to be agreed on', () => {
  property(weighted([12, move], [2, dial], [1, request], [1, cut], [1, instant]), (ends) => {
    agree(ends)
    const whole = ends.wires.filter((wire) => !wire.cut)
    const last = ends.wires.at(-1)
    if (whole.length === ends.wires.length && last !== undefined) assert.notEqual(ends.usableAt(0), null)
  })
})

test('when all connections have gone silent one new dial is enough, before anybody has noticed', () => {
  const before = weighted([8, move], [2, dial])
  fc.assert(
    fc.property(before, side, fc.array(move, { maxLength: 20, size: 'max' }), (steps, dialler, after) => {
      const ends = new TwoEnds()
      for (const step of steps) if (!isTooMany(ends, step, CONNECTIONS_MAX)) take(ends, step)
      for (const wire of ends.wires) ends.cut(wire)
      ends.dial(dialler)
      for (const step of after) take(ends, step)
      ends.settle()
      assert.deepEqual([ends.usableAt(0), ends.usableAt(1)], Array(2).fill(ends.wires.length - 1))
    }),
    { numRuns: 1500 },
  )
})

test('a restarted peer is gone and back for the other, by connections of the new process alone', () => {
  property(weighted([12, move], [2, dial], [1, request], [1, restart], [1, instant]), (ends) => {
    agree(ends)
    const fresh = ends.wires.filter(
      ({ halves, withdrawn }) => !withdrawn && SIDES.every((each) => halves[each].process === ends.processes[each]),
    )
    for (const each of SIDES) assert.equal(ends.identifiedAt(each).length, fresh.length > 0 ? 1 : 0)
    for (const id of ends.identifiedAt(0)) assert.ok(fresh.some((wire) => wire.id === id))
  })
})

test('with delays, silence, restarts and goodbyes in any mixture both ends still agree and know what is true', () => {
  property(weighted([14, move], [3, dial], [2, request], [1, cut], [1, restart], [1, disconnect], [1, tick]), (ends) =>
    agree(ends),
  )
})
