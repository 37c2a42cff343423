// Who may be here: a policy is shown each peer that has identified itself. What is not true, and a throw, refuses.
import { createNode, type PeerInfo, SallyportError } from 'sallyport'

const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
await using friend = await createNode({ listen })
await using stranger = await createNode({ listen })

const friends = new Set([friend.peerId])
await using host = await createNode({ listen, policy: ({ peerId }: PeerInfo) => friends.has(peerId) })
const address = host.addresses[0] ?? ''

await friend.transport.connectPeer(address)
try {
  const { connection } = await stranger.transport.connectPeer(address)
  // It has heard all it needed; the host's no comes a moment later.
  while (stranger.transport.isConnectionActive(connection)) await new Promise((resolve) => setTimeout(resolve, 10))
} catch (error) {
  if (SallyportError.from(error).code !== 'CONNECTION_REFUSED') throw error
}

const { policyRefused } = host.counters()
const { count, maxMs } = host.metrics().histograms.policy
console.log(
  `${host.transport.peers().length} friend, ${policyRefused} refused; ${count} judged in ${maxMs.toFixed(3)} ms at most`,
)
if (host.transport.peers().length !== 1 || policyRefused !== 1) throw new Error('the policy did not decide')
