// Who comes and goes: each peer's connected and disconnected alternate, each told once and in order. A listener that was too slow is
// told how many events it missed and who is connected, and goes on from there.
import { createNode } from 'sallyport'

const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
await using node = await createNode({ listen })
const visitor = await createNode({ listen })
const here = new Set<string>()
const events = node.transport.events()
await visitor.transport.connectPeer(node.addresses[0] ?? '')

for await (const event of events) {
  if (event.kind === 'connected') {
    here.add(event.peerId)
    console.log(`${event.peerId} came, ${here.size} here`)
    await visitor.close()
  }
  if (event.kind === 'disconnected') {
    here.delete(event.peerId)
    console.log(`${event.peerId} went, ${here.size} here`)
    break
  }
  if (event.kind === 'task-failed') console.error(`${event.task.name} failed: ${event.error.message}`)
  if (event.kind === 'lagged') {
    here.clear()
    for (const { peerId } of event.peers) here.add(peerId)
    console.log(`missed ${event.missed} events, ${here.size} here`)
  }
}
