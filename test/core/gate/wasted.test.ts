import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ip } from '../../../src/core/ip.ts'
import { Wasted } from '../../../src/core/gate/wasted.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

const ip4 = (ip: string): Ip => ({ family: 4, ip })

test('a host is a suspect for five minutes, whatever it does meanwhile', () => {
  const wasted = new Wasted(new SeededRandom(1))
  const host = ip4('10.0.0.1')
  assert.equal(wasted.isSuspect(host, 0), false)
  wasted.charge(host, 0)
  for (let at = 1000; at < 200_000; at += 1000) wasted.charge(host, at)
  assert.equal(wasted.isSuspect(host, 299_000), true)
  assert.equal(wasted.isSuspect(host, 301_000), false)
  wasted.charge(host, 310_000)
  assert.equal(wasted.isSuspect(host, 609_000), true)
})

test('its neighbours are suspects only when many of them waste', () => {
  const wasted = new Wasted(new SeededRandom(2))
  const neighbour = ip4('10.0.0.200')
  for (let n = 1; n <= 7; n++) wasted.charge(ip4(`10.0.0.${n}`), 0)
  assert.equal(wasted.isSuspect(neighbour, 0), false)
  wasted.charge(ip4('10.0.0.8'), 0)
  assert.equal(wasted.isSuspect(neighbour, 0), true)
  assert.equal(wasted.isSuspect(ip4('10.0.1.200'), 0), false)
})

test('one host makes no suspects of its neighbours, whatever it wastes', () => {
  const wasted = new Wasted(new SeededRandom(5))
  for (let n = 0; n < 100; n++) wasted.charge(ip4('10.0.0.1'), n)
  assert.equal(wasted.isSuspect(ip4('10.0.0.200'), 100), false)
  for (let n = 2; n <= 7; n++) wasted.charge(ip4(`10.0.0.${n}`), 100)
  assert.equal(wasted.isSuspect(ip4('10.0.0.200'), 100), false)
})

test('a network that goes on wasting has one newcomer in 38 s that is no suspect', () => {
  const wasted = new Wasted(new SeededRandom(6))
  let unsuspected = 0
  for (let second = 0; second < 3600; second++) {
    const ip = { family: 6, ip: `2001:db8:0:${second.toString(16)}::1` } as const
    if (!wasted.isSuspect(ip, second * 1000)) unsuspected++
    wasted.charge(ip, second * 1000)
  }
  assert.ok(unsuspected >= 90 && unsuspected <= 110, `${unsuspected} of 3,600`)
})

test('an IPv6 host is a /64', () => {
  const wasted = new Wasted(new SeededRandom(3))
  wasted.charge({ family: 6, ip: '2001:db8::1' }, 0)
  assert.equal(wasted.isSuspect({ family: 6, ip: '2001:db8::3' }, 0), true)
  assert.equal(wasted.isSuspect({ family: 6, ip: '2001:db8:0:1::3' }, 0), false)
})

test('a newcomer is hardly ever mistaken for one of a thousand suspects', () => {
  const wasted = new Wasted(new SeededRandom(4))
  for (let n = 0; n < 1000; n++) for (let k = 0; k < 3; k++) wasted.charge(ip4(`10.${n >> 8}.${n & 0xff}.1`), k * 100)
  let mistaken = 0
  for (let n = 0; n < 10_000; n++) if (wasted.isSuspect(ip4(`11.${n >> 8}.${n & 0xff}.1`), 300)) mistaken++
  assert.ok(mistaken < 20, `${mistaken} of 10,000`)
})
