// js-libp2p over TCP with Noise and Yamux.
import { once } from 'node:events'
import { connect } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { libp2pClient, libp2pListener, portOf, SETUPS } from './libp2p.mjs'

/** As many connections as the kernel may queue before they are accepted; the transport's default is Node's, 511. */
const BACKLOG = 4096

const parts = (setup) => ({
  transports: [tcp(setup === 'raised' ? { backlog: BACKLOG } : {})],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()],
})

export const peer = {
  title: 'js-libp2p, TCP',
  identity: 'Ed25519',
  package: 'libp2p',
  setups: SETUPS,
  listen: (setup) => libp2pListener(parts, '/ip4/127.0.0.1/tcp/0', setup),
  client: () => libp2pClient(parts),
  /** A TCP connection on which nothing is said. */
  leave: async (address, count) => {
    for (let n = 0; n < count; n++) {
      const socket = connect(portOf(address), '127.0.0.1')
      socket.on('error', () => {})
      await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    }
  },
}
