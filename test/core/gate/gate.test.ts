import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Counters, verdictsOf } from '../../../src/core/counters.ts'
import { countVerdict, type FirstLook, type Fullness, judge } from '../../../src/core/gate/gate.ts'
import { HalfOpen } from '../../../src/core/gate/half-open.ts'
import { connectionHandle } from '../../../src/core/ids.ts'

const LIMITS = { inboundMax: 2, outboundMax: 1, timeoutMs: 10_000 }

const initial = (bytes: number, idLength = 8): FirstLook => ({
  bytes,
  header: { form: 'long', type: 'initial', destinationId: new Uint8Array(idLength) },
})

const room = (change: Partial<Fullness> = {}): Fullness => ({
  closing: false,
  connectionsFull: false,
  halfOpen: new HalfOpen(LIMITS),
  ...change,
})

test('a full-sized Initial gets a slot while there is one', () => {
  assert.deepEqual(judge(initial(1200), room()), { kind: 'slot' })
})

test('each step of the ladder has its own reason', () => {
  const full = new HalfOpen(LIMITS)
  full.take(connectionHandle(1), 'inbound', 0)
  full.take(connectionHandle(2), 'inbound', 0)
  const cases: [FirstLook, Fullness, unknown][] = [
    [initial(1200), room({ closing: true }), { kind: 'drop', reason: 'closing' }],
    [{ bytes: 1200, header: null }, room(), { kind: 'drop', reason: 'not-quic' }],
    [{ bytes: 1200, header: { form: 'short' } }, room(), { kind: 'drop', reason: 'unknown-connection' }],
    [{ bytes: 1200, header: { form: 'version-negotiation' } }, room(), { kind: 'drop', reason: 'unknown-connection' }],
    [{ bytes: 1200, header: { form: 'unknown-version' } }, room(), { kind: 'version-negotiation' }],
    [{ bytes: 1199, header: { form: 'unknown-version' } }, room(), { kind: 'drop', reason: 'initial-too-small' }],
    [initial(1199), room(), { kind: 'drop', reason: 'initial-too-small' }],
    [initial(1200, 7), room(), { kind: 'drop', reason: 'id-too-short' }],
    [initial(1200), room({ halfOpen: full }), { kind: 'refuse', reason: 'slots-full' }],
    [initial(1200), room({ connectionsFull: true }), { kind: 'refuse', reason: 'connections-full' }],
  ]
  for (const [look, fullness, verdict] of cases) assert.deepEqual(judge(look, fullness), verdict)
})

test('the verdicts counted sum to the datagrams judged', () => {
  const header = fc.oneof(
    fc.constant(null),
    fc.record({ form: fc.constantFrom('short', 'version-negotiation', 'unknown-version', 'retry') }),
    fc.record({
      form: fc.constant('long' as const),
      type: fc.constantFrom('initial', 'handshake', '0rtt', 'retry'),
      destinationId: fc.uint8Array({ maxLength: 20 }),
    }),
  )
  const look = fc.record({ bytes: fc.integer({ min: 0, max: 1500 }), header })
  fc.assert(
    fc.property(fc.array(look), fc.boolean(), fc.boolean(), (looks, closing, connectionsFull) => {
      const counters = new Counters()
      const halfOpen = new HalfOpen(LIMITS)
      looks.forEach((first, i) => {
        const verdict = judge(first, { closing, connectionsFull, halfOpen })
        countVerdict(verdict, counters)
        if (verdict.kind === 'slot') halfOpen.take(connectionHandle(i + 1), 'inbound', i)
        halfOpen.checkInvariants()
      })
      assert.equal(counters.judged, looks.length)
      assert.equal(verdictsOf(counters.snapshot()), looks.length)
    }),
  )
})

test('inbound and outbound slots are apart, and a slot given back twice is one slot', () => {
  const slots = new HalfOpen(LIMITS)
  assert.equal(slots.take(connectionHandle(1), 'inbound', 5), 10_005)
  slots.take(connectionHandle(2), 'inbound', 6)
  assert.equal(slots.free('inbound'), false)
  assert.equal(slots.free('outbound'), true)
  assert.equal(slots.release(connectionHandle(1)), true)
  assert.equal(slots.release(connectionHandle(1)), false)
  assert.equal(slots.count('inbound'), 1)
  assert.equal(slots.deadline(connectionHandle(2)), 10_006)
  assert.equal(slots.deadline(connectionHandle(1)), Infinity)
  slots.checkInvariants()
})
