// Who comes and goes: each peer's connected and disconnected alternate, each told once and in order.
import { createNode } from 'sallyport'

const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
await using node = await createNode({ listen })
const visitor = await createNode({ listen })
const events = node.transport.events()
await visitor.transport.connectPeer(node.addresses[0] ?? '')

for await (const event of events) {
  if (event.kind === 'connected') {
    console.log(`${event.peer.peerId} came`)
    await visitor.close()
  }
  if (event.kind === 'disconnected') {
    console.log(`${event.peerId} went`)
    break
  }
}
