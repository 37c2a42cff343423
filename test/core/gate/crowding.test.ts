// A node that can begin 500 handshakes a second, and networks that ask for more. On a clock of its own: first datagrams wait in the order
// they came, and the gate sees how long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { initial, Gatehouse, RETRY } from './gatehouse.ts'

/** Beginning a handshake takes so long, everything else nothing. Milliseconds. */
const BEGIN_MS = 2

/** What each host may ask for: 20 a second. */
const HOST_EVERY_MS = 50

interface Asking {
  readonly ip: string
  readonly since: number
  readonly honest: boolean
}

/** The honest come 20 a second, each from a network of its own, for four seconds; the others go on for one more. */
const HONEST = 80

/** How many of the honest begin at their first try within 600 ms, while `networks` of 10 hosts ask as often as they may and let go at once. */
const served = (networks: number): { inTime: number; lateMs: number } => {
  const house = new Gatehouse()
  const waiting: Asking[] = []
  let [inTime, come, nextHost, nextHonest, lateMs] = [0, 0, 0, 10, 0]
  const arrive = (until: number): void => {
    for (; nextHost <= until; nextHost += HOST_EVERY_MS) {
      for (let network = 0; network < networks; network++)
        for (let host = 0; host < 10; host++)
          waiting.push({ ip: `10.${network}.0.${host}`, since: nextHost, honest: false })
    }
    for (; nextHonest <= until && come < HONEST; nextHonest += 50)
      waiting.push({ ip: `172.16.${++come}.1`, since: nextHonest, honest: true })
  }
  while (house.now < 5000) {
    arrive(house.now)
    const next = waiting.shift()
    if (next === undefined) {
      house.now = come < HONEST ? Math.min(nextHost, nextHonest) : nextHost
      continue
    }
    house.situation.lateMs = house.now - next.since
    lateMs = Math.max(lateMs, house.situation.lateMs)
    const verdict = house.judge(initial(next.ip, RETRY))
    if (verdict.kind !== 'slot') continue
    house.now += BEGIN_MS
    if (next.honest && house.now - next.since <= 600) inTime++
    if (!next.honest) house.free(house.last)
  }
  return { inTime, lateMs }
}

test('who begins more than the node can bear and lets go at once is kept back, and a newcomer from elsewhere is not', () => {
  assert.deepEqual(served(0), { inTime: HONEST, lateMs: 0 })
  for (const networks of [3, 10, 50]) {
    const { inTime, lateMs } = served(networks)
    assert.equal(inTime, HONEST, `${networks} networks, at most ${lateMs} ms late`)
  }
})
