import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type CounterSnapshot, sum, verdictsOf } from '../../../src/core/counters.ts'
import type { FirstLook, TokenResult } from '../../../src/core/gate/gate.ts'
import { connectionHandle } from '../../../src/core/ids.ts'
import { BAD_RETRY, Gatehouse, initial, NEW_TOKEN, NO_SHARES, NO_TOKEN, RETRY } from './gatehouse.ts'
import { at, ip4 } from './sources.ts'

const counted = ({ counters }: Gatehouse): CounterSnapshot => counters.snapshot()

const look = (change: Partial<FirstLook>): FirstLook => ({ ...initial(ip4(1)), ...change })

/** A look whose token must not be read. */
const untouched = (of: FirstLook): FirstLook => ({ ...of, token: () => assert.fail('the token was read') })

describe('what is no first flight', () => {
  const unknownVersion = look({ header: { form: 'unknown-version' } })
  const short = look({ header: { form: 'short' }, bytes: 100 })
  const withId = (length: number): FirstLook =>
    look({ header: { form: 'long', type: 'initial', destinationId: new Uint8Array(length) } })

  test('has its own verdict, and no token of it is read', () => {
    const cases: [FirstLook, unknown][] = [
      [look({ header: null }), { kind: 'drop', reason: 'not-quic' }],
      [unknownVersion, { kind: 'version-negotiation', answered: true }],
      [
        { ...unknownVersion, bytes: 1199 },
        { kind: 'drop', reason: 'initial-too-small' },
      ],
      [short, { kind: 'reset', bytesMax: 99 }],
      [
        { ...short, bytes: 22 },
        { kind: 'reset', bytesMax: 21 },
      ],
      [
        { ...short, bytes: 21 },
        { kind: 'drop', reason: 'unknown-connection' },
      ],
      [look({ header: { form: 'retry' } }), { kind: 'drop', reason: 'unknown-connection' }],
      [look({ header: { form: 'version-negotiation' } }), { kind: 'drop', reason: 'unknown-connection' }],
      [
        look({ header: { form: 'long', type: 'handshake', destinationId: new Uint8Array(8) } }),
        { kind: 'drop', reason: 'unknown-connection' },
      ],
      [look({ bytes: 1199 }), { kind: 'drop', reason: 'initial-too-small' }],
      [withId(7), { kind: 'drop', reason: 'id-too-short' }],
    ]
    for (const [look, verdict] of cases) assert.deepEqual(new Gatehouse().judge(untouched(look)), verdict)
  })

  test('a closing node drops everything', () => {
    const house = new Gatehouse()
    house.situation.closing = true
    for (const any of [look({ header: null }), unknownVersion, short, initial(ip4(1), RETRY)]) {
      assert.deepEqual(house.judge(untouched(any)), { kind: 'drop', reason: 'closing' })
    }
  })

  test('stateless resets and Version Negotiation stop at their rates', () => {
    const house = new Gatehouse()
    for (let i = 0; i < 500; i++) house.judge(short)
    assert.equal(counted(house).resets, 200)
    assert.equal(counted(house).dropped['resets-spent'], 300)
    for (let i = 0; i < 1500; i++) house.judge(unknownVersion)
    assert.equal(counted(house).versionNegotiations, 1500)
    assert.equal(counted(house).unanswered, 1000)
    house.now = 1000
    assert.equal(house.judge(short).kind, 'reset')
  })
})

describe('strangers', () => {
  test('get a slot while the node is at ease', () => {
    const house = new Gatehouse()
    assert.equal(house.outcome(ip4(1)), 'slot')
    assert.equal(counted(house).slotsByStanding.stranger, 1)
  })

  test('have 64 slots, 8 a network, and 50 a second; everybody else answers a Retry', () => {
    const house = new Gatehouse()
    for (let i = 0; i < 20; i++) house.outcome(ip4(1))
    assert.equal(counted(house).slots, 8)
    for (let n = 1; n < 40; n++) for (let i = 0; i < 8; i++) house.outcome(ip4(n << 8))
    assert.equal(counted(house).slots, 50)
    house.now = 1000
    for (let n = 1; n < 40; n++) for (let i = 0; i < 8; i++) house.outcome(ip4(n << 16))
    assert.equal(counted(house).slots, 64)
    const { retries, judged } = counted(house)
    assert.equal(retries, judged - 64)
  })

  test('get a Retry while the event loop or signing is late, and nothing is taken for it', () => {
    const house = new Gatehouse()
    house.situation.lateMs = 51
    assert.equal(house.outcome(ip4(1)), 'retry')
    house.situation.lateMs = 5000
    assert.equal(house.outcome(ip4(2)), 'retry')
    house.situation.lateMs = 50
    assert.equal(house.outcome(ip4(1)), 'slot')
  })

  test('are never the reason that somebody goes', () => {
    const house = new Gatehouse()
    house.situation.connections = 10_000
    house.situation.shares = { admits: () => true, rival: () => assert.fail('a stranger evicts nobody') }
    assert.equal(house.outcome(ip4(1)), 'retry')
    house.situation.connections = 0
    house.situation.shares = { ...NO_SHARES, admits: () => false }
    assert.equal(house.outcome(ip4(1)), 'retry')
  })

  test('beyond 2,000 Retries a second are dropped', () => {
    const house = new Gatehouse()
    house.situation.lateMs = 60
    for (let n = 0; n < 5000; n++) house.outcome(ip4(n << 8))
    assert.equal(counted(house).retries, 2000)
    assert.equal(counted(house).dropped['retries-spent'], 3000)
    house.now = 500
    assert.equal(house.outcome(ip4(5001 << 8)), 'retry')
  })

  test('of a quiet network are answered though a few others flood', () => {
    const house = new Gatehouse()
    house.situation.lateMs = 60
    let served = 0
    for (let tick = 0; tick < 2000; tick++) {
      house.now = tick
      // 20,000 a second from eight networks, beside a stranger of a fresh one every 20 ms.
      for (let i = 0; i < 20; i++) house.outcome(ip4((i % 8) << 8))
      if (tick % 20 === 0 && house.outcome(ip4(0x10_0000 + (tick << 8))) === 'retry') served++
    }
    assert.equal(served, 100)
  })

  test('forged in anybody’s name, cost that network neither rate nor share', () => {
    const house = new Gatehouse()
    for (let i = 0; i < 20_000; i++) house.outcome(ip4(1))
    for (let i = 0; i < 100; i++) assert.equal(house.outcome(ip4(1), RETRY), 'slot')
    assert.equal(house.outcome(ip4(1), RETRY), 'rate')
  })
})

describe('tokens', () => {
  test('an invalid Retry token is answered INVALID_TOKEN', () => {
    const house = new Gatehouse()
    assert.deepEqual(house.judge(initial(ip4(1), BAD_RETRY)), { kind: 'invalid-token', answered: true })
    for (let i = 0; i < 2000; i++) house.outcome(ip4(1), BAD_RETRY)
    assert.equal(counted(house).invalidTokens, 2001)
    assert.equal(counted(house).unanswered, 1501)
  })

  test('a valid one makes its source known: it needs no slot of the strangers', () => {
    const house = new Gatehouse({ strangersMax: 1 })
    house.outcome(ip4(1))
    for (const token of [RETRY, NEW_TOKEN]) {
      const verdict = house.judge(initial(ip4(1), token))
      assert.ok(verdict.kind === 'slot')
      assert.equal(verdict.standing, token.kind)
      assert.equal(verdict.token, token)
    }
  })
})

describe('validated sources', () => {
  test('over their rate are refused, and only slots that were granted are charged', () => {
    const house = new Gatehouse()
    const outcomes = Array.from({ length: 300 }, () => house.outcome(ip4(1), RETRY))
    assert.deepEqual(outcomes, [...Array<string>(100).fill('slot'), ...Array<string>(200).fill('rate')])
    house.now = 50
    assert.equal(house.outcome(ip4(1), RETRY), 'slot')
    assert.equal(house.outcome(ip4(2), RETRY), 'slot')
  })

  test('a refusal of any kind charges nobody', () => {
    const house = new Gatehouse({}, { halfOpenInMax: 8 })
    for (let n = 0; n < 8; n++) house.outcome(ip4(n << 16), RETRY)
    const [held] = house.holders.keys()
    for (let i = 0; i < 10_000; i++) assert.equal(house.outcome(ip4(1), RETRY), 'slots-full')
    house.free(held!)
    assert.equal(house.outcome(ip4(1), RETRY), 'slot')
  })

  test('beyond 500 answers a second are refused in silence', () => {
    const house = new Gatehouse()
    for (let i = 0; i < 3100; i++) house.outcome(ip4(1), RETRY)
    assert.equal(counted(house).refused.rate, 3000)
    assert.equal(counted(house).unanswered, 2500)
  })

  test('displace when the slots are full, and the verdict says whom', () => {
    const house = new Gatehouse({}, { halfOpenInMax: 8 })
    for (let i = 0; i < 8; i++) house.outcome(ip4(1), RETRY)
    assert.equal(counted(house).refused['slots-full'], 4)
    assert.equal(house.outcome(ip4(1 << 16), RETRY), 'slot')
    assert.deepEqual(house.displaced, [1])
  })

  test('over their share of the connections are refused, and told when to come back', () => {
    const house = new Gatehouse()
    const asked: unknown[] = []
    house.situation.shares = { rival: () => null, admits: (_source, halfOpen) => asked.push(halfOpen) < 3 }
    for (let i = 0; i < 2; i++) house.judge(initial(ip4(1), RETRY))
    const verdict = house.judge(initial(ip4(2), RETRY))
    assert.deepEqual(verdict, { kind: 'refuse', reason: 'share-full', retryAfterMs: 5000, answered: true })
    assert.deepEqual(asked, [
      { host: 0, network: 0 },
      { host: 1, network: 1 },
      { host: 0, network: 2 },
    ])
  })

  test('at the maximum of connections somebody goes for them, or they are told when to come back', () => {
    const house = new Gatehouse()
    house.situation.connections = 10_000
    const verdict = house.judge(initial(ip4(1), RETRY))
    assert.deepEqual(verdict, { kind: 'refuse', reason: 'connections-full', retryAfterMs: 5000, answered: true })
    house.situation.shares = { admits: () => true, rival: () => connectionHandle(42) }
    const slot = house.judge(initial(ip4(1), RETRY))
    assert.equal(slot.kind === 'slot' && slot.evicted, 42)
  })

  test('nobody is evicted where a half-open connection is displaced: that is room enough', () => {
    const house = new Gatehouse({}, { halfOpenInMax: 8 })
    for (let i = 0; i < 4; i++) house.outcome(ip4(1), RETRY)
    house.situation.connections = 10_000
    house.situation.shares = { admits: () => true, rival: () => assert.fail('no connection has to go') }
    assert.equal(house.outcome(ip4(1 << 16), RETRY), 'slot')
  })

  test('get no slot at all when the node is a second late', () => {
    const house = new Gatehouse({ loopback: 'trusted' })
    house.situation.lateMs = 1001
    for (const [ip, token] of [
      [ip4(1), RETRY],
      [ip4(2), NEW_TOKEN],
      ['127.0.0.1', NO_TOKEN],
    ] as const) {
      assert.equal(house.outcome(ip, token), 'late')
    }
    assert.equal(counted(house).slots, 0)
  })

  test('whose network makes the node late are kept back, and one of another network is not', () => {
    const house = new Gatehouse()
    for (let i = 0; i < 100; i++) house.outcome(ip4(1), RETRY)
    // Of 704 ordinary slots each network may now hold a tenth.
    house.situation.lateMs = 450
    assert.equal(house.outcome(ip4(2), RETRY), 'late')
    for (let i = 0; i < 71; i++) assert.equal(house.outcome(ip4(1 << 16), RETRY), 'slot')
    assert.equal(house.outcome(ip4(1 << 16), RETRY), 'late')
    house.situation.lateMs = 999
    assert.equal(house.outcome(ip4(2 << 16), RETRY), 'slot')
    house.situation.lateMs = 50
    assert.equal(house.outcome(ip4(2), RETRY), 'slot')
  })

  test('however many networks hurry, signing never falls so far behind that a fresh one is left out', () => {
    // Each of 200 networks finishes handshakes as fast as it may; one thread signs 700 a second.
    const house = new Gatehouse({ ratePerSecond: 1000, rateBurst: 1000 })
    const queue: ReturnType<Gatehouse['gate']['take']>[] = []
    let refused = 0
    let fresh = 0
    for (let tick = 0; tick < 3000; tick++) {
      house.now = tick
      if (tick % 10 < 7 && queue.length > 0) {
        queue.shift()
        const [oldest] = house.holders.keys()
        if (oldest !== undefined) house.free(oldest)
      }
      house.situation.lateMs = (queue.length * 1000) / 700
      for (let i = 0; i < 4; i++) {
        const network = (tick * 4 + i) % 200
        if (house.outcome(ip4(network << 8), RETRY) === 'slot') queue.push(tick)
      }
      if (tick % 100 !== 99) continue
      fresh++
      if (house.outcome(ip4(0x20_0000 + (tick << 8)), RETRY) === 'slot') queue.push(tick)
      else refused++
    }
    assert.deepEqual([fresh, refused], [30, 0])
  })
})

describe('the order', () => {
  test('a denied prefix is refused before its token is read, whatever it says', () => {
    const house = new Gatehouse({ deny: ['10.0.0.0/24'] })
    for (const token of [NO_TOKEN, RETRY, BAD_RETRY]) {
      assert.equal(house.judge(untouched(initial(ip4(1), token))).kind, 'refuse')
    }
    assert.equal(counted(house).refused.denied, 3)
  })

  test('rate comes before lateness of a network, that before slots, those before shares, those before the maximum', () => {
    const worst = (change: (house: Gatehouse) => void): string => {
      const house = new Gatehouse({ rateBurst: 4 }, { halfOpenInMax: 8 })
      for (let i = 0; i < 4; i++) assert.equal(house.outcome(ip4(1), RETRY), 'slot')
      house.situation.lateMs = 500
      house.situation.connections = 10_000
      house.situation.shares = { admits: () => false, rival: () => null }
      change(house)
      return house.outcome(ip4(1), RETRY)
    }
    const rested = (house: Gatehouse): void => void (house.now = 1500)
    const punctual = (house: Gatehouse): void => void (house.situation.lateMs = 0)
    const roomy = (house: Gatehouse): void => house.free(connectionHandle(1))
    const shared = (house: Gatehouse): void => void (house.situation.shares = NO_SHARES)
    const steps = [rested, punctual, roomy, shared, (house: Gatehouse) => void (house.situation.connections = 0)]
    const expected = ['rate', 'late', 'slots-full', 'share-full', 'connections-full', 'slot']
    for (const [mended, outcome] of expected.entries()) {
      assert.equal(
        worst((house) => steps.slice(0, mended).forEach((mend) => mend(house))),
        outcome,
      )
    }
  })
})

describe('the second datagram of a first flight', () => {
  const twice = (house: Gatehouse, ip: string, token: TokenResult = NO_TOKEN): [string, string] => {
    const first = initial(ip, token)
    return [house.judge(first).kind, house.judge(untouched(first)).kind]
  }

  test('repeats the verdict of the first, without an answer and without a charge', () => {
    const house = new Gatehouse({ deny: ['10.9.0.0/16'] })
    assert.deepEqual(twice(house, ip4(0x9_0001)), ['refuse', 'repeat'])
    assert.deepEqual(twice(house, ip4(1), BAD_RETRY), ['invalid-token', 'repeat'])
    assert.deepEqual(twice(house, ip4(1), RETRY), ['slot', 'repeat'])
    house.situation.lateMs = 60
    for (let i = 0; i < 2000; i++) assert.deepEqual(twice(house, ip4(i << 8)), ['retry', 'repeat'])
    assert.equal(counted(house).retries, 2000)
    assert.equal(counted(house).repeats, 2003)
  })

  test('a third is judged afresh, and so is a second that comes late or from elsewhere', () => {
    const house = new Gatehouse()
    house.situation.lateMs = 60
    const flight = initial(ip4(1), NO_TOKEN, 7_000_001)
    const kinds = [flight, flight, flight].map((one) => house.judge(one).kind)
    assert.deepEqual(kinds, ['retry', 'repeat', 'retry'])
    assert.equal(house.judge({ ...flight, from: at(ip4(1), 4001) }).kind, 'retry')
    house.now = 500
    assert.equal(house.judge(flight).kind, 'retry')
  })

  test('one flight sent for ever gets no more than its network’s Retries', () => {
    const house = new Gatehouse()
    house.situation.lateMs = 60
    const flight = initial(ip4(1))
    for (let i = 0; i < 10_000; i++) house.judge(flight)
    assert.ok(counted(house).retries <= 1016)
  })

  test('what is refused in silence is not remembered', () => {
    const house = new Gatehouse({ answersPerSecond: 1 })
    house.judge(initial(ip4(1), BAD_RETRY))
    const flight = initial(ip4(1), BAD_RETRY)
    assert.deepEqual(
      [house.judge(flight), house.judge(flight)].map(({ kind }) => kind),
      ['invalid-token', 'invalid-token'],
    )
  })

  test('what is dropped for want of a budget is not remembered', () => {
    const house = new Gatehouse({ retriesPerSecond: 2 })
    house.situation.lateMs = 60
    for (let n = 0; n < 2; n++) house.outcome(ip4(n << 8))
    const flight = initial(ip4(9 << 8))
    assert.deepEqual(
      [house.judge(flight), house.judge(flight)].map(({ kind }) => kind),
      ['drop', 'drop'],
    )
  })
})

test('whatever comes, verdicts sum to the datagrams judged, slots are bounded, and strangers cost what they may', () => {
  const header = fc.oneof(
    fc.constant(null),
    fc.record({
      form: fc.constantFrom(
        'short' as const,
        'version-negotiation' as const,
        'unknown-version' as const,
        'retry' as const,
      ),
    }),
    fc.record({
      form: fc.constant('long' as const),
      type: fc.constantFrom('initial', 'handshake', '0rtt'),
      destinationId: fc.uint8Array({ maxLength: 20 }),
    }),
  )
  const any = fc.record({
    bytes: fc.integer({ min: 0, max: 1500 }),
    header,
    from: fc.nat(0x3_0003).map((n) => at(ip4(n))),
    token: fc.constantFrom(NO_TOKEN, RETRY, NEW_TOKEN, BAD_RETRY).map((token) => () => token),
  })
  const first = fc
    .tuple(fc.nat(0x3_0003), fc.constantFrom(NO_TOKEN, RETRY, NEW_TOKEN))
    .map(([n, token]) => initial(ip4(n), token))
  const step = fc.record({
    look: fc.oneof({ arbitrary: any, weight: 1 }, { arbitrary: first, weight: 3 }),
    wait: fc.nat(40),
    lateMs: fc.constantFrom(0, 0, 60, 1001),
    frees: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const house = new Gatehouse({ strangersMax: 4, strangerSignaturesPerSecond: 10 }, { halfOpenInMax: 24 })
      for (const { look, wait, lateMs, frees } of steps) {
        house.now += wait
        house.situation.lateMs = lateMs
        const verdict = house.judge(look)
        assert.ok(lateMs < 1000 || verdict.kind !== 'slot')
        if (frees) for (const handle of [...house.holders.keys()].slice(0, 1)) house.free(handle)
        assert.ok(house.gate.halfOpen.countOf('strangers') <= 4)
        house.gate.checkInvariants()
      }
      const counters = counted(house)
      assert.equal(counters.judged, steps.length)
      assert.equal(verdictsOf(counters), steps.length)
      assert.equal(sum(counters.slotsByStanding), counters.slots)
      assert.ok(counters.slotsByStanding.stranger <= 10 + house.now / 100 + 1)
    }),
  )
})

test('a hundred thousand sources take no more memory than a few', () => {
  const house = new Gatehouse()
  house.outcome(ip4(1), RETRY)
  house.situation.lateMs = 60
  house.outcome(ip4(1))
  house.outcome(ip4(2), RETRY)
  const bytes = house.gate.sketchBytes
  assert.ok(bytes <= 5 * 32_768)
  for (let n = 0; n < 100_000; n++) {
    house.now = n / 10
    house.outcome(ip4(n), n % 2 === 0 ? NO_TOKEN : RETRY)
  }
  assert.equal(house.gate.sketchBytes, bytes)
  house.gate.checkInvariants()
})
