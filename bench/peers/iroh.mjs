// iroh for Node: QUIC in Rust with threads of its own. No relay and no discovery, so that nobody outside is asked for anything. It takes no
// option that bounds connections; what it does leave to its user is the accept loop, so both ways to write one are measured.
import { createRequire } from 'node:module'
import { leaveFirstFlights } from './first-flight.ts'

const { Endpoint, EndpointAddr, EndpointId, RelayMode } = createRequire(import.meta.url)('@number0/iroh')

const ALPN = [...Buffer.from('echo/1')]
const BYTES_MAX = 64

const endpoint = async () => {
  const builder = Endpoint.builder()
  builder.applyMinimal()
  builder.relayMode(RelayMode.disabled())
  builder.alpns([ALPN])
  builder.bindAddr('127.0.0.1:0')
  return builder.bind()
}

const handshake = async (incoming) => (await incoming.accept()).connect()

const echo = async (connection) => {
  const { send, recv } = await connection.acceptBi()
  for (;;) await send.writeAll(await recv.read(BYTES_MAX))
}

const accept = async (server, setup) => {
  for (;;) {
    const incoming = await server.acceptNext()
    if (incoming === null) return
    if (setup === 'serial') {
      const connection = await handshake(incoming).catch(() => null)
      if (connection !== null) echo(connection).catch(() => {})
    } else
      handshake(incoming)
        .then(echo)
        .catch(() => {})
  }
}

const addressOf = (id, port) => new EndpointAddr(EndpointId.fromString(id), undefined, [`127.0.0.1:${port}`])

export const peer = {
  title: 'iroh',
  identity: 'Ed25519',
  package: '@number0/iroh',
  setups: [
    { key: 'tasks', title: 'a task for each handshake' },
    { key: 'serial', title: 'accept loop written serially' },
  ],
  listen: async (setup) => {
    const server = await endpoint()
    accept(server, setup).catch(() => {})
    const [socket] = server.boundSockets()
    return `${server.id().toString()}@${socket.split(':').at(-1)}`
  },
  client: async () => {
    const client = await endpoint()
    return {
      dial: async (address) => {
        const [id, port] = address.split('@')
        const connection = await client.connect(addressOf(id, port), ALPN)
        const { send, recv } = await connection.openBi()
        await send.writeAll([1, 2, 3])
        await recv.read(BYTES_MAX)
        return connection
      },
    }
  },
  /** An endpoint keeps all addresses of a peer together, so each handshake that is left has an endpoint of its own. */
  leave: async (address, count) => {
    const [id, port] = address.split('@')
    await leaveFirstFlights(Number(port), count, async (hole) => {
      const client = await endpoint()
      await client.connectPending(addressOf(id, hole), ALPN)
    })
  },
}
