// Closing while work goes on: the node says goodbye, lets what was begun come to its end, and leaves nothing open.
import { createNode, SallyportError } from 'sallyport'

const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
const server = await createNode({ listen })
await using client = await createNode({ listen })
const begun = Promise.withResolvers<void>()

server.transport.handle('/slow/1', async ({ payload, signal }) => {
  begun.resolve()
  await new Promise((resolve) => setTimeout(resolve, 200))
  // Whoever takes longer than the grace is told so by its signal.
  return signal.aborted ? { status: 2, reason: 'too late' } : { status: 0, payload }
})

const { peerId } = await client.transport.connectPeer(server.addresses[0] ?? '')
const answer = client.transport.request(peerId, '/slow/1', Uint8Array.of(7))
await begun.promise
const closed = server.close()
console.log(`the request that was going on got its answer: ${(await answer).payload[0]}`)

await closed
const late = await client.transport.request(peerId, '/slow/1', Uint8Array.of(8)).catch((error: unknown) => error)
console.log(`the next one fails with ${SallyportError.from(late).code}`)
