// Who waits for a handshake, and whose turn it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import { Newcomers } from '../../src/node/newcomers.ts'

interface Arrival {
  readonly bytes: Uint8Array
  readonly from: Address
  readonly since: number
  readonly flight: string
}

/** Newcomers whose turns a test ends; `begins` says of each whether it takes up the turn. */
const room = (begins: (arrival: Arrival) => boolean = () => true) => {
  const suspects = new Set<string>()
  const timers: { at: number; run: () => void }[] = []
  const clock = { time: 0, now: () => clock.time, wall: () => 0 }
  const soon: (() => void)[] = []
  const begun: string[] = []
  const turnedAway: string[] = []
  const newcomers = new Newcomers<Arrival>({
    clock,
    timers: {
      at: (time, run) => {
        const timer = { at: time, run }
        timers.push(timer)
        return { cancel: () => void timers.splice(timers.indexOf(timer), 1) }
      },
      soon: (run) => void soon.push(run),
    },
    isSuspect: ({ from }) => suspects.has(from.ip),
    begin: (arrival) => {
      begun.push(arrival.from.ip)
      return begins(arrival)
    },
    turnAway: ({ from }, reason) => void turnedAway.push(`${from.ip} ${reason}`),
  })
  let flights = 0
  /** Each a flight of its own, where none is named. */
  const arrive = (ip: string, { bytes = 1200, flight = `${flights++}` } = {}): void =>
    newcomers.arrived({ bytes: new Uint8Array(bytes), from: { family: 4, ip, port: 1 }, since: clock.time, flight })
  const turn = (): void => {
    for (const run of soon.splice(0)) run()
  }
  /** Moves time on to `time`, and ends the turns on the way. */
  const to = (time: number): void => {
    for (; clock.time < time; clock.time++) {
      for (const { run } of timers.filter(({ at }) => at <= clock.time)) run()
      timers.splice(0, timers.length, ...timers.filter(({ at }) => at > clock.time))
      turn()
    }
  }
  return { to, suspects, timers, clock, newcomers, begun, turnedAway, arrive, turn, soon }
}

test('networks take turns, whoever of them sends how many', () => {
  const { newcomers, begun, arrive, turn } = room()
  for (let n = 0; n < 1000; n++) arrive(`10.0.0.${n % 250}`)
  arrive('10.0.1.1')
  arrive('10.0.2.1')
  assert.equal(begun.length, 2)
  for (let n = 0; n < 2; n++) turn()
  assert.deepEqual(begun.slice(2), ['10.0.0.2', '10.0.1.1', '10.0.2.1', '10.0.0.3'])
  while (newcomers.waiting > 0) turn()
  assert.equal(begun.length, 1002)
  assert.deepEqual(
    begun.filter((ip) => ip.startsWith('10.0.0.')),
    Array.from({ length: 1000 }, (_, n) => `10.0.0.${n % 250}`),
    'in one network in the order they came',
  )
})

test('who takes up no room in the turn does not end it, up to 64', () => {
  const { begun, arrive, turn, soon } = room(({ from }) => from.ip === '10.0.0.1')
  for (let n = 0; n < 3; n++) arrive('10.0.0.1')
  for (let n = 0; n < 200; n++) arrive('10.0.0.2')
  assert.equal(begun.length, 2)
  turn()
  assert.equal(begun.length, 2 + 64)
  for (let n = 0; n < 4; n++) turn()
  assert.equal(begun.length, 203)
  turn()
  assert.equal(soon.length, 0, 'no turn is asked for when nobody waits')
})

test('a network that many wait of leaves half of the room to those of which few do', () => {
  const { newcomers, turnedAway, arrive } = room()
  for (let n = 0; n < 10_000; n++) arrive('10.0.0.1')
  assert.equal(newcomers.waiting, 2048)
  assert.equal(turnedAway.length, 10_000 - 2 - 2048)
  for (let n = 0; n < 255; n++) for (let k = 0; k < 20; k++) arrive(`10.1.${n}.1`)
  assert.equal(newcomers.waiting, 2048 + 255 * 8)
  for (let n = 0; n < 10; n++) arrive('10.2.0.1')
  assert.equal(newcomers.waiting, 4096, 'then it is full')
  assert.equal(turnedAway.at(-1), '10.2.0.1 crowd')
})

test('what is larger than any path outside carries does not wait', () => {
  const { newcomers, turnedAway, arrive } = room()
  for (let n = 0; n < 3; n++) arrive('10.0.0.1', { bytes: 65_000 })
  assert.equal(turnedAway.length, 1)
  arrive('10.0.0.1', { bytes: 1500 })
  assert.equal(newcomers.waiting, 1)
})

test('who waited four seconds is turned away, and who came later is not', () => {
  const { clock, begun, turnedAway, arrive, turn } = room()
  for (let n = 0; n < 5; n++) arrive('10.0.0.1')
  clock.time = 4000
  arrive('10.0.0.2')
  turn()
  assert.deepEqual([begun.length, turnedAway.length], [4, 0])
  clock.time = 4001
  turn()
  assert.deepEqual([begun.at(-1), turnedAway], ['10.0.0.2', ['10.0.0.1 crowd']])
})

test('suspects wait until nobody else does, and begin ten a second', () => {
  const { to, suspects, begun, turnedAway, arrive, turn, timers, newcomers } = room()
  suspects.add('10.0.0.1')
  for (let n = 0; n < 200; n++) arrive('10.0.0.1')
  for (let n = 0; n < 6; n++) arrive('10.0.1.1')
  assert.deepEqual(begun, ['10.0.0.1', '10.0.0.1'], 'while nobody waits a suspect begins at once')
  for (let n = 0; n < 3; n++) turn()
  assert.deepEqual(begun.slice(2), Array<string>(6).fill('10.0.1.1'))
  to(1000)
  assert.ok(begun.length >= 6 + 9 && begun.length <= 6 + 12, `${begun.length} begun: two, then ten a second`)
  arrive('10.0.1.1')
  assert.equal(begun.at(-1), '10.0.1.1', 'a newcomer waits for no suspect')
  to(4400)
  assert.equal(newcomers.waiting, 0)
  assert.equal(begun.length - 7 + turnedAway.length, 200)
  to(4500)
  assert.equal(timers.length, 0, 'no timer is left when nobody waits')
})

test('a crowd that comes while suspects pause begins two a turn all the same', () => {
  const { to, suspects, arrive, begun, turn, clock, timers } = room()
  suspects.add('10.0.0.1')
  for (let n = 0; n < 3; n++) arrive('10.0.0.1')
  to(10)
  assert.equal(timers.length, 1, 'the third suspect pauses')
  for (let n = 0; n < 20; n++) arrive('10.0.1.1')
  clock.time = 60
  timers.splice(0).forEach(({ run }) => run())
  for (let n = 0; n < 4; n++) {
    const before = begun.length
    turn()
    assert.equal(begun.length - before, 2)
  }
})

test('both halves of a flight go in together, while other networks wait', () => {
  const links = new Set<string>()
  const { newcomers, begun, arrive, turn } = room(({ from }) => {
    const isNew = !links.has(from.ip)
    links.add(from.ip)
    return isNew
  })
  const ips = Array.from({ length: 10 }, (_, n) => `10.0.${n}.1`)
  for (const ip of ['10.1.0.1', '10.1.1.1']) arrive(ip)
  for (let half = 0; half < 2; half++) for (const ip of ips) arrive(ip, { flight: ip })
  turn()
  assert.deepEqual(begun.slice(2), ['10.0.0.1', '10.0.0.1', '10.0.1.1', '10.0.1.1'])
  while (newcomers.waiting > 0) turn()
  assert.deepEqual(
    begun.slice(2),
    ips.flatMap((ip) => [ip, ip]),
  )
})

test('of one flight no more wait than both halves, twice', () => {
  const { newcomers, turnedAway, arrive } = room()
  for (let n = 0; n < 2; n++) arrive('10.1.0.1')
  for (let n = 0; n < 9; n++) arrive('10.0.0.1', { flight: 'one' })
  assert.equal(newcomers.waiting, 4)
  assert.deepEqual(turnedAway, Array<string>(5).fill('10.0.0.1 crowd'))
})

test('closing turns away all who wait, counted as such, and leaves no timer and no turn', () => {
  const { to, suspects, arrive, timers, newcomers, turn, soon, begun, turnedAway } = room()
  suspects.add('10.0.0.1')
  for (let n = 0; n < 100; n++) arrive('10.0.0.1')
  to(10)
  assert.equal(timers.length, 1)
  for (let n = 0; n < 10; n++) arrive('10.0.1.1')
  assert.equal(begun.length, 4)
  newcomers.close()
  assert.deepEqual([timers.length, newcomers.waiting], [0, 0])
  assert.deepEqual(turnedAway.sort(), [
    ...Array<string>(98).fill('10.0.0.1 closing'),
    ...Array<string>(8).fill('10.0.1.1 closing'),
  ])
  turn()
  assert.deepEqual([begun.length, soon.length, timers.length], [4, 0, 0], 'the turn that was ahead does nothing')
})
