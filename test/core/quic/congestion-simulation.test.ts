// NewReno and CUBIC on simulated paths: how much of the link they use, what they do to its queue and to each other. Everything is decided
// by the seed; what is asserted are shares and ratios.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CongestionName } from '../../../src/core/quic/congestion.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { Bottleneck, Flow, type Measured, type Route } from './bottleneck.ts'
import { Pair } from './pair.ts'

const NAMES: readonly CongestionName[] = ['cubic', 'new-reno']

const LAN: Route = { megabits: 50, roundTripMs: 4, queue: 1 }
const HOME: Route = { megabits: 16, roundTripMs: 40, queue: 1 }
/** A buffer for eight round trips, as home routers have them. */
const BLOATED: Route = { megabits: 8, roundTripMs: 40, queue: 8 }
const SHALLOW: Route = { megabits: 20, roundTripMs: 60, queue: 0.1 }
const FAR: Route = { megabits: 40, roundTripMs: 200, queue: 0.5 }
const REORDERING: Route = { megabits: 10, roundTripMs: 40, queue: 1, reordering: 0.02 }

/** One flow alone: its first seconds, and what came then. */
const alone = (congestion: CongestionName, route: Route, ms = 15_000): { start: Measured; then: Measured } => {
  const network = new Bottleneck(route)
  const flows = [new Flow(network, { congestion })]
  return { start: network.run(3000, flows), then: network.run(ms, flows) }
}

const both = (route: Route, ms?: number): Record<CongestionName, { start: Measured; then: Measured }> => ({
  cubic: alone('cubic', route, ms),
  'new-reno': alone('new-reno', route, ms),
})

/** Two flows, the second three seconds later: their shares once both have settled. */
const together = (first: CongestionName, second: CongestionName, route: Route): readonly number[] => {
  const network = new Bottleneck(route)
  const flows = [new Flow(network, { congestion: first }), new Flow(network, { congestion: second, startMs: 3000 })]
  network.run(10_000, flows)
  return network.run(50_000, flows).shares
}

describe('one flow alone', () => {
  const routes = { LAN, HOME, BLOATED, FAR, REORDERING }
  for (const [place, route] of Object.entries(routes)) {
    it(`fills its link (${place})`, () => {
      for (const name of NAMES) {
        const { start, then } = alone(name, route, route === LAN ? 6000 : 15_000)
        assert.ok(start.used > 0.4, `${name} starts with ${start.used}`)
        assert.ok(then.used > 0.9, `${name} uses ${then.used}`)
        assert.ok(then.dropped < 0.02 * start.dropped + 400, `${name} loses ${then.dropped}`)
      }
    })
  }

  it('uses a link of little buffer better with CUBIC, which falls by less', () => {
    const { cubic, 'new-reno': reno } = both(SHALLOW)
    assert.ok(reno.then.used > 0.65, `${reno.then.used}`)
    assert.ok(cubic.then.used > 1.05 * reno.then.used, `${cubic.then.used} and ${reno.then.used}`)
  })

  it('comes back from rare random losses on a long path faster with CUBIC', () => {
    const { cubic, 'new-reno': reno } = both({ ...FAR, loss: 1e-4 }, 30_000)
    assert.ok(cubic.then.used > 1.1 * reno.then.used, `${cubic.then.used} and ${reno.then.used}`)
  })

  it('overflows a deep buffer less at the start with HyStart++', () => {
    const { cubic, 'new-reno': reno } = both(BLOATED, 4000)
    assert.ok(reno.start.dropped > 100, `${reno.start.dropped}`)
    assert.ok(cubic.start.dropped < 0.5 * reno.start.dropped, `${cubic.start.dropped} and ${reno.start.dropped}`)
  })

  it('takes datagrams that overtake each other for no losses', () => {
    const { then } = alone('cubic', { ...REORDERING, queue: 8 }, 8000)
    assert.ok(then.used > 0.9, `${then.used}`)
  })
})

describe('two flows', () => {
  for (const name of NAMES) {
    it(`share a link fairly (${name})`, () => {
      const shares = together(name, name, HOME)
      assert.ok(Math.min(...shares) > 0.35, shares.join(' '))
      assert.ok(shares[0]! + shares[1]! > 0.9, shares.join(' '))
    })
  }

  it('neither starves the other, whichever came first', () => {
    for (const shares of [together('cubic', 'new-reno', HOME), together('new-reno', 'cubic', HOME)]) {
      assert.ok(Math.min(...shares) > 0.2, shares.join(' '))
      assert.ok(shares[0]! + shares[1]! > 0.9, shares.join(' '))
    }
  })
})

describe('a window that is open', () => {
  it('does not leave at once after a pause, but over a round trip', () => {
    const open = { initial: 16 << 20, max: 16 << 20 }
    const transport = {
      ...TRANSPORT_DEFAULTS,
      dataBytes: { initial: 640 << 20, max: 640 << 20 },
      streamBytes: { ...open, opening: 2 << 20 },
    }
    const weather = { loss: 0, duplication: 0, reordering: 0, latencyMs: 50 }
    const ips = { client: '192.0.2.1', server: '198.51.100.1' }
    const pair = new Pair({ transport, weather, ips }).establish()
    const send = (bytes: number): boolean => {
      const before = pair.client.log.filter(({ kind }) => kind === 'stream-acknowledged').length
      pair.client.send(pair.client.live.open(false)!, new Uint8Array(bytes))
      pair.flush(pair.client)
      const acknowledged = (): number => pair.client.log.filter(({ kind }) => kind === 'stream-acknowledged').length
      burst = pair.client.sentDatagrams.length - sent
      return pair.run(() => acknowledged() > before)
    }
    let burst = 0
    let sent = 0
    for (let i = 0; i < 8; i++) assert.ok(send(500_000))
    sent = pair.client.sentDatagrams.length
    const began = pair.now
    assert.ok(send(500_000))
    assert.ok(burst > 5 && burst < 60, `${burst} datagrams at once`)
    assert.ok(pair.now - began < 300, `${pair.now - began} ms`)
  })
})
