import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Shares, type Worth } from '../../../src/core/gate/shares.ts'
import { connectionHandle } from '../../../src/core/ids.ts'
import { at, ip4, source } from './sources.ts'

const LIMITS = { connectionsMax: 160, perHostMax: 4, networkShare: 1 / 16 }
const NOBODY = { host: 0, network: 0 }

const fill = (ips: readonly string[], worth: Worth = 'client', limits = LIMITS): Shares => {
  const shares = new Shares(limits)
  for (const [i, ip] of ips.entries()) {
    shares.add(connectionHandle(i + 1), at(ip))
    shares.stand(connectionHandle(i + 1), worth)
  }
  return shares
}

const many = (count: number, ip: (n: number) => string): string[] => Array.from({ length: count }, (_, n) => ip(n))

test('a host and a network each have their share, half-open ones included', () => {
  const shares = fill([...many(3, () => ip4(1)), ...many(6, (n) => ip4(10 + n))])
  assert.ok(shares.admits(source(ip4(1)), NOBODY))
  assert.ok(!shares.admits(source(ip4(1)), { host: 1, network: 1 }))
  assert.ok(shares.admits(source(ip4(2)), NOBODY))
  assert.ok(!shares.admits(source(ip4(2)), { host: 0, network: 1 }))
  assert.ok(shares.admits(source(ip4(256)), NOBODY))
  shares.add(connectionHandle(100), at(ip4(99)))
  assert.ok(!shares.admits(source(ip4(2)), NOBODY))
  assert.ok(shares.remove(connectionHandle(100)))
  assert.equal(shares.remove(connectionHandle(100)), false)
  assert.ok(shares.admits(source(ip4(2)), NOBODY))
})

test('the idlest of the fullest prefix gives way, a client before a node, and one that is kept never', () => {
  const shares = fill([ip4(1), ip4(1), ip4(1), ip4(1), ip4(1 << 16)])
  const rival = (): number | null => shares.rival(source(ip4(9 << 16)))
  assert.equal(rival(), 1)
  shares.used(connectionHandle(1))
  assert.equal(rival(), 2)
  shares.stand(connectionHandle(2), 'node')
  assert.equal(rival(), 3)
  shares.stand(connectionHandle(3), 'kept')
  assert.equal(rival(), 4)
  shares.stand(connectionHandle(4), 'kept')
  assert.equal(rival(), 1)
  shares.stand(connectionHandle(1), 'kept')
  assert.equal(rival(), null, 'one against none is not two more')
  shares.stand(connectionHandle(3), 'client')
  assert.equal(rival(), 3)
  shares.checkInvariants()
})

test('nobody gives way to a prefix that holds nearly as much', () => {
  const shares = fill([ip4(1), ip4(1), ip4(1 << 16)])
  assert.equal(shares.rival(source(ip4(1 << 16))), null)
  assert.equal(shares.rival(source(ip4(1))), null)
  assert.equal(shares.rival(source(ip4(2 << 16))), 1)
})

test('many networks of one provider count as one region when it is decided who gives way', () => {
  const shares = fill([...many(20, (n) => `2001:db8:${n}::1`), ...many(3, () => ip4(1))])
  assert.equal(shares.rival(source(ip4(9 << 16))), 1)
  assert.equal(shares.rival(source('2001:db8:77::1')), null)
})

test('counts stay true whatever comes', () => {
  const handle = fc.nat(12).map((n) => connectionHandle(n + 1))
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), handle, ip: fc.nat(0x1_0101).map(ip4) }),
    fc.record({ kind: fc.constant('remove' as const), handle }),
    fc.record({ kind: fc.constant('used' as const), handle }),
    fc.record({ kind: fc.constant('stand' as const), handle, worth: fc.constantFrom<Worth>('client', 'node', 'kept') }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const shares = new Shares(LIMITS)
      const members = new Map<number, string>()
      for (const step of steps) {
        if (step.kind === 'add') {
          if (members.has(step.handle)) continue
          members.set(step.handle, step.ip)
          shares.add(step.handle, at(step.ip))
        } else if (step.kind === 'remove') assert.equal(shares.remove(step.handle), members.delete(step.handle))
        else if (step.kind === 'used') shares.used(step.handle)
        else shares.stand(step.handle, step.worth)
        shares.checkInvariants()
      }
      for (const ip of members.values()) {
        for (const level of ['host', 'network'] as const) {
          const expected = [...members.values()].filter((other) => source(other).key(level) === source(ip).key(level))
          assert.equal(shares.countOf(source(ip), level), expected.length)
        }
      }
    }),
  )
})

test('one that has moved is counted where it is, and nowhere else', () => {
  const shares = fill([ip4(1), ip4(1), ...many(4, () => ip4(1 << 16))])
  const mover = connectionHandle(1)
  assert.ok(shares.move(mover, at(ip4(1)), true), 'another port is the same place')
  assert.ok(shares.move(mover, at(ip4(2)), true))
  assert.equal(shares.countOf(source(ip4(1)), 'host'), 1)
  assert.equal(shares.countOf(source(ip4(2)), 'host'), 1)
  assert.equal(shares.countOf(source(ip4(2)), 'network'), 2)
  shares.checkInvariants()
  // A host that has all it may have takes no more, though the connection counts there until it goes.
  assert.equal(shares.move(mover, at(ip4(1 << 16)), true), false)
  assert.equal(shares.countOf(source(ip4(1 << 16)), 'host'), 5)
  shares.checkInvariants()
  assert.ok(shares.move(connectionHandle(2), at(ip4(1 << 16)), false), 'where no share counts')
  shares.stand(connectionHandle(3), 'kept')
  assert.ok(shares.move(connectionHandle(3), at(ip4(7 << 16)), true))
  shares.checkInvariants()
  assert.ok(shares.remove(mover))
  shares.checkInvariants()
})
