// QUIC for any protocol: a server, a client, streams both ways, and an end with a reason.
import { connect, generateIdentity, listen, type Session } from 'sallyport/quic'

const identity = await generateIdentity()
await using server = await listen({ host: 'localhost', alpn: ['shout'], identity, verify: 'anyone' })

const shout = new TransformStream<Uint8Array, Uint8Array>({
  transform: (bytes, controller) => {
    controller.enqueue(new TextEncoder().encode(new TextDecoder().decode(bytes).toUpperCase()))
  },
})
const serve = async (session: Session): Promise<void> => {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    await readable.pipeThrough(shout).pipeTo(writable)
  }
  console.log('the server saw the session end:', await session.closed)
}
const serving = server.accept().then((session) => session && serve(session))

const verify = { keys: [identity.peerId] }
const session = await connect({ host: 'localhost', port: server.port, alpn: ['shout'], verify })
console.log(`connected: ${session.alpn} over ${session.suite} and ${session.group}, by a ${session.peer.kind}`)

const { readable, writable } = await session.openBidirectionalStream()
const writer = writable.getWriter()
await writer.write(new TextEncoder().encode('hello'))
await writer.close()
let answer = ''
for await (const chunk of readable) answer += new TextDecoder().decode(chunk)
console.log(answer)
if (answer !== 'HELLO') throw new Error('that is not what was asked for')

await session.close({ reason: 'done' })
await serving
