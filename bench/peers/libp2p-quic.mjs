// js-libp2p over QUIC: a native transport.
import { quic } from '@chainsafe/libp2p-quic'
import { leaveFirstFlights } from './first-flight.ts'
import { libp2pClient, libp2pListener, portOf, SETUPS } from './libp2p.mjs'

// Its own options are of streams, buffers and times; none of them bounds connections, and none changes that handshakes are taken one
// after the other.
const parts = () => ({ transports: [quic()] })

export const peer = {
  title: 'js-libp2p, QUIC',
  identity: 'Ed25519',
  package: '@chainsafe/libp2p-quic',
  setups: SETUPS,
  listen: (setup) => libp2pListener(parts, '/ip4/127.0.0.1/udp/0/quic-v1', setup),
  client: () => libp2pClient(parts),
  leave: async (address, count) => {
    const client = await libp2pClient(parts)
    const begin = (port, signal) => client.begin(`/ip4/127.0.0.1/udp/${port}/quic-v1`, signal)
    await leaveFirstFlights(portOf(address), count, begin)
  },
}
