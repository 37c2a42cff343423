// What a node says of itself: counters, gauges, and how long things take; docs/metrics.md describes each.
import { createNode, mergeHistograms } from 'sallyport'

const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
await using server = await createNode({ listen })
await using clients = new AsyncDisposableStack()

for (let n = 0; n < 10; n++) {
  const client = clients.use(await createNode({ listen }))
  await client.transport.connectPeer(server.addresses[0] ?? '')
}

const { counters, gauges, histograms } = server.metrics()
const { accepted, registered, reading } = counters
console.log(`accepted ${accepted.inbound} = registered ${registered.inbound} = reading ${reading.inbound}`)
console.log(
  `${gauges.established} established, ${gauges.halfOpenIn} half-open, ${gauges.signingDepth} wait for signatures`,
)
const { p50Ms, p99Ms } = mergeHistograms(histograms.handshakeIn, histograms.identityIn)
console.log(`half of all steps took ${p50Ms.toFixed(1)} ms at most, nearly all ${p99Ms.toFixed(1)} ms`)
if (accepted.inbound !== reading.inbound) throw new Error('somebody waits to be read')
