// The incident's stress test, made honest. The accept path must serve everybody whatever silent clients do, and the same command must
// fail against an acceptance that finishes one handshake after another: a test that cannot fail proves nothing.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NO_ATTACK } from '../../src/siege/attack.ts'
import { flood as besiege } from '../../src/siege/flood.ts'
import type { FloodReport } from '../../src/siege/flood.ts'
import { resultOf, run } from '../cli/run.ts'
import type { Failure } from '../cli/run.ts'

type Printed = FloodReport & Partial<Failure>

const flood = async (...words: string[]): Promise<{ code: number; report: Printed }> => {
  const finished = await run(['flood', '--json', ...words])
  return { code: finished.code, report: resultOf<Printed>(finished) }
}

const assertAllServed = ({ code, report }: { code: number; report: Printed }, clients: number): void => {
  assert.deepEqual(report.failed, {})
  assert.equal(report.identified, clients)
  assert.equal(report.connected, clients)
  assert.equal(report.serverAccepted, clients)
  assert.equal(report.serverRegistered, clients)
  assert.equal(report.serverReading, clients)
  assert.equal(report.error, undefined)
  assert.equal(code, 0)
}

describe('a node in another process', () => {
  test('identifies 40 clients that come at once', async () => assertAllServed(await flood('--clients', '40'), 40))

  test('identifies 200 clients that come at once', async () => assertAllServed(await flood('--clients', '200'), 200))

  test('identifies 40 of 40 while 20 silent clients hold half-open handshakes', async () =>
    assertAllServed(await flood('--clients', '40', '--silent', '20'), 40))
})

test('an acceptance that finishes one handshake after another leaves clients out', async () => {
  const { code, report } = await flood('--clients', '40', '--silent', '20', '--acceptance', 'serial')
  assert.ok(report.identified < 40)
  assert.equal(code, 1)
  assert.equal(report.error?.code, 'FLOOD_FAILED')
  assert.match(report.error.message, new RegExp(`^${report.identified} of 40 `))
})

test('the serial acceptance serves everybody when nobody is silent, so that silence is what the control measures', async () => {
  const { code, report } = await flood('--clients', '40', '--acceptance', 'serial')
  assert.equal(report.identified, 40)
  assert.equal(code, 0)
})

test('a flood that is told to stop makes no more clients', { timeout: 20_000 }, async () => {
  const options = { address: '/ip4/127.0.0.1/udp/9/quic-v1', attack: NO_ATTACK, acceptance: 'own' } as const
  const stop = new AbortController()
  const stopped = besiege({ ...options, clients: 10_000, probeMs: null, forMs: null, signal: stop.signal })
  setTimeout(() => stop.abort(), 500)
  await assert.rejects(stopped, { code: 'CANCELLED' })
})
