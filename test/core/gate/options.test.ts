import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { SallyportError } from '../../../src/core/errors.ts'
import { GATE_OPTIONS, type GateOptions, gateOptionsOf } from '../../../src/core/gate/options.ts'
import { Shares } from '../../../src/core/gate/shares.ts'
import { connectionHandle } from '../../../src/core/ids.ts'
import { BAD_RETRY, Gatehouse, initial, NEW_TOKEN, NO_TOKEN, RETRY } from './gatehouse.ts'
import { at, ip4, ip6, source } from './sources.ts'

/** Limits of a node's transport that the gate goes by. */
const TRANSPORT_KEYS = ['halfOpenInMax', 'halfOpenOutMax', 'handshakeTimeoutMs', 'connectionsMax']

/** How many of `count` Initials have an outcome; from one address, or one for each number. */
const tally = (house: Gatehouse, count: number, ip: (n: number) => string, token = RETRY): Record<string, number> => {
  const outcomes: Record<string, number> = {}
  for (let n = 0; n < count; n++) {
    const outcome = house.outcome(ip(n), token)
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  return outcomes
}

const one = (): string => ip4(1)
const regions = (n: number): string => ip4(n << 16)
const networks = (n: number): string => ip4(n << 8)

const late = (house: Gatehouse, lateMs: number): Gatehouse => {
  house.situation.lateMs = lateMs
  return house
}

describe('the options of the gate', () => {
  test('each has a test of its own', () => {
    const titles = readFileSync(import.meta.filename, 'utf8')
    for (const key of [...Object.keys(GATE_OPTIONS), ...TRANSPORT_KEYS]) {
      assert.ok(titles.includes(`test('option ${key}: `), `a test of the option ${key}`)
    }
  })

  test('each is documented with its default', () => {
    const page = readFileSync(new URL('../../../docs/limits.md', import.meta.url), 'utf8')
    for (const key of TRANSPORT_KEYS) assert.match(page, new RegExp(`^\\| \`${key}\` \\| [0-9,]+ \\|`, 'm'))
    for (const [key, value] of Object.entries(GATE_OPTIONS)) {
      const said = new RegExp(`^\\| \`${key}\` \\| \`?([^|\`]+?)\`? \\|`, 'm').exec(page)?.[1]
      const fraction = typeof value === 'number' && value < 1
      const number = (value: number): string => (fraction ? `1/${1 / value}` : value.toLocaleString('en-US'))
      const expected = Array.isArray(value) ? 'none' : typeof value === 'number' ? number(value) : value
      assert.equal(said, expected, key)
    }
  })

  test('are checked, completed and frozen', () => {
    assert.deepEqual(gateOptionsOf(), GATE_OPTIONS)
    const options = gateOptionsOf({ ratePerSecond: 5 })
    assert.equal(options.ratePerSecond, 5)
    assert.deepEqual(options.deny, [])
    assert.ok(Object.isFrozen(options))
    const wrong: unknown[] = [
      { rate: 1 },
      { ratePerSecond: 0 },
      { ratePerSecond: '20' },
      { rateBurst: Number.NaN },
      { loopback: 'open' },
      { allow: '10.0.0.0/8' },
      { deny: ['10.0.0.1/8'] },
      { reservedShare: 0.6 },
      { connectionsNetworkShare: 1.1 },
      { lateMs: 1000 },
    ]
    for (const changes of wrong) {
      assert.throws(
        () => gateOptionsOf(changes as Partial<GateOptions>),
        (error) => error instanceof SallyportError && error.code === 'ARGUMENT_INVALID',
      )
    }
  })
})

describe('who', () => {
  test('option loopback: this machine is trusted without a token, or is as good as anybody', () => {
    const outcomes = (loopback: GateOptions['loopback'], ip: string): unknown =>
      tally(new Gatehouse({ loopback }), 200, () => ip, NO_TOKEN)
    for (const ip of ['127.0.0.1', '127.3.4.5', '::1']) {
      assert.deepEqual(outcomes('trusted', ip), { slot: 200 })
      assert.deepEqual(outcomes('as-outside', ip), { slot: 8, retry: 192 })
    }
    assert.deepEqual(outcomes('trusted', ip4(1)), { slot: 8, retry: 192 })
  })

  test('option allow: where a prefix is named, nobody else is let in', () => {
    const house = new Gatehouse({ allow: ['10.0.1.0/24', '2001:db8::/32'] })
    const outcomes = [ip4(256), ip6(1), ip4(1), '2001:db9::1'].map((ip) => house.outcome(ip, RETRY))
    assert.deepEqual(outcomes, ['slot', 'slot', 'denied', 'denied'])
  })

  test('option deny: whoever lies in one of its prefixes is refused, allowed or not, on this machine or not', () => {
    const house = new Gatehouse({ loopback: 'trusted', allow: ['0.0.0.0/0'], deny: ['10.0.0.0/24', '127.0.0.1'] })
    const outcomes = [ip4(1), ip4(256), '127.0.0.1', '127.0.0.2'].map((ip) => house.outcome(ip, NEW_TOKEN))
    assert.deepEqual(outcomes, ['denied', 'slot', 'denied', 'slot'])
  })
})

describe('how often', () => {
  test('option ratePerSecond: a validated host begins so many a second', () => {
    const house = new Gatehouse({ ratePerSecond: 5, rateBurst: 1 })
    let slots = 0
    for (house.now = 0; house.now < 10_000; house.now += 10) if (house.outcome(one(), RETRY) === 'slot') slots++
    assert.equal(slots, 50)
  })

  test('option rateBurst: so many at once after a pause', () => {
    assert.deepEqual(tally(new Gatehouse({ rateBurst: 30 }), 50, one), { slot: 30, rate: 20 })
  })

  test('option rateWider: a network begins so many times what a host may', () => {
    const host = (n: number): string => ip4(n % 250)
    assert.deepEqual(tally(new Gatehouse({ rateBurst: 10, rateWider: 3 }), 500, host), { slot: 30, rate: 470 })
    assert.deepEqual(
      tally(new Gatehouse({ rateBurst: 10, rateWider: 4 }), 500, (n) => ip6(n % 250)),
      { slot: 40, rate: 460 },
    )
  })

  test('option trustedPerSecond: a trusted machine begins so many a second', () => {
    const house = new Gatehouse({ loopback: 'trusted', trustedPerSecond: 25 })
    assert.deepEqual(
      tally(house, 40, () => '127.0.0.1', NO_TOKEN),
      { slot: 25, rate: 15 },
    )
  })

  test('option strangerSignaturesPerSecond: strangers get so many slots a second', () => {
    const house = new Gatehouse({ strangerSignaturesPerSecond: 3 })
    assert.deepEqual(tally(house, 10, regions, NO_TOKEN), { slot: 3, retry: 7 })
    house.now = 1000
    assert.deepEqual(tally(house, 10, regions, NO_TOKEN), { slot: 3, retry: 7 })
  })

  test('option retriesPerSecond: so many Retries are sent', () => {
    const house = late(new Gatehouse({ retriesPerSecond: 40 }), 60)
    assert.deepEqual(tally(house, 100, networks, NO_TOKEN), { retry: 40, 'retries-spent': 60 })
  })

  test('option retriesPerNetworkPerSecond: beyond this a network shares one half of them with everybody', () => {
    const flooded = (retriesPerNetworkPerSecond: number): unknown => {
      const house = late(new Gatehouse({ retriesPerSecond: 200, retriesPerNetworkPerSecond }), 60)
      tally(house, 1000, one, NO_TOKEN)
      return tally(house, 200, (n) => networks(n + 1), NO_TOKEN)
    }
    assert.deepEqual(flooded(8), { retry: 84, 'retries-spent': 116 })
    assert.deepEqual(flooded(1000), { 'retries-spent': 200 })
  })

  test('option answersPerSecond: so many refusals are sent, and the others are silent', () => {
    const house = new Gatehouse({ answersPerSecond: 10 })
    tally(house, 15, one, BAD_RETRY)
    assert.equal(house.counters.invalidTokens, 15)
    assert.equal(house.counters.unanswered, 5)
  })

  test('option resetsPerSecond: so many stateless resets are sent', () => {
    const house = new Gatehouse({ resetsPerSecond: 7 })
    for (let i = 0; i < 10; i++) house.judge({ ...initial(ip4(1)), header: { form: 'short' } })
    assert.deepEqual([house.counters.resets, house.counters.dropped['resets-spent']], [7, 3])
  })

  test('option repeatWithinMs: for so long a second datagram repeats the verdict of the first', () => {
    const house = late(new Gatehouse({ repeatWithinMs: 100 }), 60)
    const kinds = [99, 100].map((wait) => {
      const flight = initial(ip4(1))
      house.judge(flight)
      house.now += wait
      return house.judge(flight).kind
    })
    assert.deepEqual(kinds, ['repeat', 'retry'])
  })
})

describe('how many', () => {
  test('option halfOpenInMax: so many inbound handshakes are in progress', () => {
    const house = new Gatehouse({ loopback: 'trusted', rateBurst: 1000 }, { halfOpenInMax: 40 })
    assert.deepEqual(
      tally(house, 60, () => '127.0.0.1', NO_TOKEN),
      { slot: 40, 'slots-full': 20 },
    )
  })

  test('option halfOpenOutMax: so many dials are in progress', () => {
    const { halfOpen } = new Gatehouse({}, { halfOpenOutMax: 2 }).gate
    for (const n of [1, 2]) halfOpen.takeOutbound(connectionHandle(n), 0)
    assert.equal(halfOpen.outboundFree, false)
  })

  test('option handshakeTimeoutMs: a slot is held for so long at most', () => {
    const house = new Gatehouse({}, { handshakeTimeoutMs: 3000 })
    house.now = 500
    house.outcome(one(), RETRY)
    assert.equal(house.gate.halfOpen.deadline(house.last), 3500)
  })

  test('option strangersMax: strangers hold so many slots, and a quarter of all at most', () => {
    assert.deepEqual(tally(new Gatehouse({ strangersMax: 5 }), 20, regions, NO_TOKEN), { slot: 5, retry: 15 })
    assert.deepEqual(tally(new Gatehouse({ strangersMax: 50 }, { halfOpenInMax: 40 }), 20, regions, NO_TOKEN), {
      slot: 10,
      retry: 10,
    })
  })

  test('option strangersPerNetworkMax: of those, so many in one network', () => {
    assert.deepEqual(
      tally(new Gatehouse({ strangersPerNetworkMax: 3 }), 10, (n) => ip4(n), NO_TOKEN),
      { slot: 3, retry: 7 },
    )
  })

  test('option reservedShare: this part of the slots is for holders of a NEW_TOKEN', () => {
    const house = new Gatehouse({ reservedShare: 1 / 2 }, { halfOpenInMax: 40 })
    assert.deepEqual(tally(house, 20, regions), { slot: 10, 'slots-full': 10 })
    assert.deepEqual(
      tally(house, 30, (n) => regions(n + 50), NEW_TOKEN),
      { slot: 20, 'slots-full': 10 },
    )
  })

  test('option silentAfterMs: one that was silent for so long may give way though it is the only one of its prefix', () => {
    const house = new Gatehouse({ silentAfterMs: 300 }, { halfOpenInMax: 8 })
    assert.deepEqual(tally(house, 5, regions), { slot: 4, 'slots-full': 1 })
    house.now = 299
    assert.equal(house.outcome(regions(9), RETRY), 'slots-full')
    house.now = 300
    assert.equal(house.outcome(regions(9), RETRY), 'slot')
  })

  test('option connectionsMax: when there are so many, those that only dials may add aside, somebody has to go', () => {
    const house = new Gatehouse({}, { connectionsMax: 100 })
    house.situation.connections = 74
    assert.equal(house.outcome(one(), RETRY), 'slot')
    house.situation.connections = 75
    assert.equal(house.outcome(one(), RETRY), 'connections-full')
  })

  test('option dialReserve: so many connections only our own dials may add', () => {
    const house = new Gatehouse({ dialReserve: 10 }, { connectionsMax: 100 })
    house.situation.connections = 89
    assert.equal(house.outcome(one(), RETRY), 'slot')
    house.situation.connections = 90
    assert.equal(house.outcome(one(), RETRY), 'connections-full')
  })

  test('option connectionsPerHostMax: one host has so many connections', () => {
    const { connectionsPerHostMax: perHostMax } = gateOptionsOf({ connectionsPerHostMax: 3 })
    const shares = new Shares({ connectionsMax: 1000, perHostMax, networkShare: 1 })
    for (const n of [1, 2]) shares.add(connectionHandle(n), at(one()))
    assert.ok(shares.admits(source(one()), { host: 0, network: 0 }))
    shares.add(connectionHandle(3), at(one()))
    assert.ok(!shares.admits(source(one()), { host: 0, network: 0 }))
  })

  test('option connectionsNetworkShare: one network has this part of all connections', () => {
    const { connectionsNetworkShare: networkShare } = gateOptionsOf({ connectionsNetworkShare: 1 / 10 })
    const shares = new Shares({ connectionsMax: 20, perHostMax: 100, networkShare })
    shares.add(connectionHandle(1), at(ip4(1)))
    assert.ok(shares.admits(source(ip4(2)), { host: 0, network: 0 }))
    shares.add(connectionHandle(2), at(ip4(2)))
    assert.ok(!shares.admits(source(ip4(3)), { host: 0, network: 0 }))
    assert.ok(shares.admits(source(networks(1)), { host: 0, network: 0 }))
  })
})

describe('how late', () => {
  test('option lateMs: from this delay on strangers answer a Retry', () => {
    const house = new Gatehouse({ lateMs: 20 })
    assert.equal(late(house, 20).outcome(one()), 'slot')
    assert.equal(late(house, 21).outcome(one()), 'retry')
  })

  test('option tooLateMs: from this delay on nobody gets a slot', () => {
    const house = new Gatehouse({ tooLateMs: 200 })
    assert.equal(late(house, 200).outcome(regions(1), RETRY), 'slot')
    assert.equal(late(house, 201).outcome(regions(2), RETRY), 'late')
  })

  test('option retryAfterMs: whoever finds the connections full is told to come back then', () => {
    const house = new Gatehouse({ retryAfterMs: 1234 })
    house.situation.connections = 10_000
    const verdict = house.judge(initial(one(), RETRY))
    assert.equal(verdict.kind === 'refuse' && verdict.retryAfterMs, 1234)
  })
})
