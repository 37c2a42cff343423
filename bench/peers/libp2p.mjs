// What js-libp2p over TCP and over QUIC have in common: a node that echoes one protocol, and clients that each dial it once.
import { createLibp2p } from 'libp2p'
import { multiaddr } from '@multiformats/multiaddr'

const PROTOCOL = '/echo/1'

/** Above everything the benchmark asks for; per-host rates among it, since all clients have one address here. */
const RAISED = {
  maxConnections: 10_000,
  maxIncomingPendingConnections: 10_000,
  inboundConnectionThreshold: 1_000_000,
}

export const SETUPS = [
  { key: 'raised', title: 'limits raised' },
  { key: 'defaults', title: 'its defaults' },
]

/** `parts(setup)` are the transport's own options of `createLibp2p`. */
export const libp2pListener = async (parts, listen, setup) => {
  const node = await createLibp2p({
    ...parts(setup),
    addresses: { listen: [listen] },
    ...(setup === 'raised' && { connectionManager: RAISED }),
  })
  await node.handle(PROTOCOL, (stream) => {
    stream.addEventListener('message', ({ data }) => stream.send(data))
  })
  return node.getMultiaddrs()[0].toString()
}

export const libp2pClient = async (parts) => {
  const node = await createLibp2p(parts('client'))
  return {
    dial: async (address) => {
      const stream = await node.dialProtocol(multiaddr(address), PROTOCOL)
      const echoed = new Promise((resolve, reject) => {
        stream.addEventListener('message', resolve, { once: true })
        stream.addEventListener('close', () => reject(new Error('the stream closed')), { once: true })
      })
      stream.send(Uint8Array.of(1, 2, 3))
      await echoed
    },
    /** Begins a connection with whoever listens at an address, and no more. */
    begin: async (address, signal) => node.dial(multiaddr(address), { signal }),
  }
}

export const portOf = (address) => Number(/\/(?:tcp|udp)\/(\d+)/.exec(address)[1])
