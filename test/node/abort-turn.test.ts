// A handler hears that its signal was aborted outside the turn in which a datagram is worked on: what it then does meets a node at rest.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../../src/core/address.ts'
import { ascii } from '../../src/core/bytes.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Ports } from '../../src/io/ports.ts'
import { TransportHandle } from '../../src/node/transport-handle.ts'
import { World } from './transport-world.ts'

test('a handler’s signal is aborted outside the turn that a datagram brought, and may do there what it likes', async () => {
  const world = await World.make()
  let depth = 0
  const ports = world.ports(world.nextIp())
  const watched: Ports = {
    ...ports,
    udp: {
      bind: (local, on) =>
        ports.udp.bind(local, {
          ...on,
          datagram: (bytes, from) => {
            depth++
            on.datagram(bytes, from)
            depth--
          },
        }),
    },
  }
  const listen = [{ family: 4, ip: world.lastIp, port: 9000 }] as const
  const identity = await generateIdentity()
  const host = await world.run(TransportHandle.open({ ports: watched, identity, capability: 'node', listen }))
  const asking = await world.host()
  const depths: number[] = []
  host.handle('/test/hang/1', ({ peer, signal }) => {
    signal.addEventListener('abort', () => {
      depths.push(depth)
      host.checkInvariants()
      host.disconnectPeer(peer)
    })
    return new Promise(() => {})
  })
  await world.run(asking.transport.connectPeer(formatAddress(host.locals[0]!, identity.peerId)))
  const gone = new AbortController()
  const asked = asking.transport.request(identity.peerId, '/test/hang/1', ascii('?'), { signal: gone.signal })
  await world.clock.advance(100)
  gone.abort()
  await assert.rejects(world.run(asked))
  await world.clock.advance(100)
  assert.deepEqual(depths, [0])
  await world.run(host.close())
  await world.close()
})
