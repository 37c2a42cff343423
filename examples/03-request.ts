// A protocol of one's own: one node answers requests, another asks.
import { createNode } from 'sallyport'

const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
await using server = await createNode({ listen })
await using client = await createNode({ listen })

server.transport.handle('/sum/1', ({ payload }) => {
  const sum = payload.reduce((total, byte) => total + byte, 0)
  return { status: 0, payload: Uint8Array.of(sum) }
})

const { peerId } = await client.transport.connectPeer(server.addresses[0] ?? '')
const { payload } = await client.transport.request(peerId, '/sum/1', Uint8Array.of(1, 2, 3, 4), { timeoutMs: 1_000 })
console.log(`1 + 2 + 3 + 4 = ${payload[0]}`)
