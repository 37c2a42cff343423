// HyperDHT: Noise over UDX, a native reliable transport. Nodes of no network, so that nobody outside is asked for anything: a client
// knows the address of the server, as all clients here do.
import { once } from 'node:events'
import HyperDHT from 'hyperdht'
import { leaveFirstFlights } from './first-flight.ts'

const node = async () => {
  const dht = new HyperDHT({ bootstrap: [], host: '127.0.0.1', firewalled: false, ephemeral: true })
  await dht.fullyBootstrapped()
  return dht
}

const begin = (dht, key, port) =>
  dht.connect(Buffer.from(key, 'hex'), { relayAddresses: [{ host: '127.0.0.1', port }] })

export const peer = {
  title: 'hyperdht',
  identity: 'Ed25519',
  package: 'hyperdht',
  setups: [{ key: 'defaults', title: 'its defaults; it has no limit to raise' }],
  listen: async () => {
    const dht = await node()
    const server = dht.createServer((stream) => {
      stream.on('error', () => {})
      stream.on('data', (data) => stream.write(data))
    })
    await server.listen()
    return `${server.publicKey.toString('hex')}@${dht.address().port}`
  },
  client: async () => {
    const dht = await node()
    return {
      dial: async (address) => {
        const [key, port] = address.split('@')
        const stream = begin(dht, key, Number(port))
        stream.write(Buffer.of(1, 2, 3))
        await once(stream, 'data')
        stream.on('error', () => {})
      },
    }
  },
  leave: async (address, count) => {
    const [key, port] = address.split('@')
    const dht = await node()
    await leaveFirstFlights(Number(port), count, async (hole, signal) => {
      const stream = begin(dht, key, hole)
      stream.on('error', () => {})
      signal.addEventListener('abort', () => stream.destroy(), { once: true })
    })
  },
}
