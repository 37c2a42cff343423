// The transport on real sockets, real workers and real time: what the fake ones cannot show is that it works here too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import { formatAddress } from '../../src/core/address.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import { systemPorts } from '../../src/io/system.ts'
import { TransportHandle } from '../../src/node/transport-handle.ts'

const LOOPBACK: Address[] = [
  { family: 4, ip: '127.0.0.1', port: 0 },
  { family: 6, ip: '::1', port: 0 },
]

for (const local of LOOPBACK) {
  test(`two transports talk over real UDP, IPv${local.family}`, async (t) => {
    await using ports = await systemPorts()
    const open = async (): Promise<TransportHandle> =>
      TransportHandle.open({ ports, identity: await generateIdentity(), capability: 'node', listen: [local] })
    let a: TransportHandle
    try {
      a = await open()
    } catch (error) {
      if (local.family === 6) return t.skip(String(error))
      throw error
    }
    const b = await open()
    b.handle('/test/echo/1', ({ payload }) => ({ status: STATUS.ok, payload }))
    const { peerId } = await a.connectPeer(formatAddress(b.locals[0]!, b.peerId))
    assert.equal(peerId, b.peerId)
    const payload = new Uint8Array(300_000).map((_, i) => i)
    const response = await a.request(peerId, '/test/echo/1', payload)
    assert.deepEqual(Buffer.from(response.payload), Buffer.from(payload))
    await Promise.all([a.close(), b.close()])
    const { accepted, registered, reading, identified } = b.counters()
    assert.deepEqual(
      [accepted, registered, reading, identified].map(({ inbound }) => inbound),
      [1, 1, 1, 1],
    )
  })
}

test('one of the two families that cannot be bound is skipped when that is asked for', async () => {
  await using ports = await systemPorts()
  const elsewhere: Address = { family: 6, ip: '2001:db8::1', port: 0 }
  const options = {
    ports,
    identity: await generateIdentity(),
    capability: 'node',
    listen: [elsewhere, LOOPBACK[0]!],
  } as const
  await assert.rejects(TransportHandle.open(options), { code: 'BIND_FAILED' })
  await using transport = await TransportHandle.open({ ...options, skipUnbindable: true })
  assert.equal(transport.locals.length, 1)
  const nowhere = { ...options, listen: [elsewhere], skipUnbindable: true }
  await assert.rejects(TransportHandle.open(nowhere), { code: 'BIND_FAILED' })
})
