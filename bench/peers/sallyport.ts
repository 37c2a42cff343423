// Ours, measured as the others are: nodes of no network, each client with an identity and a socket of its own.
import { createNode, generateIdentity, systemPorts } from '../../src/index.ts'
import type { Node, Ports } from '../../src/index.ts'
import type { Peer } from '../macro/accept/peer.ts'
import { leaveFirstFlights } from './first-flight.ts'

const PROTOCOL = '/echo/1'
const LISTEN = ['/ip4/127.0.0.1/udp/0/quic-v1']

let shared: Promise<Ports> | null = null

const clientNode = async (): Promise<Node> => {
  shared ??= systemPorts()
  return createNode({ listen: LISTEN, identity: await generateIdentity(), capability: 'client', ports: await shared })
}

export const peer: Peer = {
  title: 'Sallyport',
  identity: 'ML-DSA-65',
  package: null,
  setups: [
    { key: 'defaults', title: 'its defaults: this machine is trusted' },
    { key: 'as-outside', title: 'its defaults, this machine as any other' },
  ],

  listen: async (setup) => {
    const loopback = setup === 'as-outside' ? 'as-outside' : 'trusted'
    const node = await createNode({ listen: LISTEN, capability: 'node', gate: { loopback } })
    node.transport.handle(PROTOCOL, ({ payload }) => ({ status: 0, payload }))
    const [address] = node.addresses
    if (address === undefined) throw new Error('the node has no address')
    return address
  },

  client: async () => {
    const { transport } = await clientNode()
    return {
      dial: async (address) => {
        const { peerId } = await transport.connectPeer(address)
        const { payload } = await transport.request(peerId, PROTOCOL, Uint8Array.of(1, 2, 3))
        if (payload.length !== 3) throw new Error('the echo is not what was sent')
      },
    }
  },

  leave: async (address, count) => {
    const port = Number(/\/udp\/(\d+)/.exec(address)?.[1])
    const { transport } = await clientNode()
    const begin = (hole: number, signal: AbortSignal): Promise<unknown> =>
      transport.connectPeer(`/ip4/127.0.0.1/udp/${hole}/quic-v1`, { signal })
    await leaveFirstFlights(port, count, begin)
  },
}
