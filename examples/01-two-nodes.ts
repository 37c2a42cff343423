// Two nodes on this machine: each has a key of its own, and each knows for certain who the other is.
import { createNode } from 'sallyport'

const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
await using alice = await createNode({ listen })
await using bob = await createNode({ listen })
console.log(`alice listens on ${alice.addresses[0]}`)

const { peerId } = await bob.transport.connectPeer(alice.addresses[0] ?? '')
console.log(`bob is connected to ${peerId}`)
if (peerId !== alice.peerId) throw new Error('somebody else answered')
