// A client that begins a handshake and never goes on: it sends one valid first flight, a ClientHello in two datagrams, and then ignores
// whatever comes. What a half-open connection costs the other side, and whom it keeps waiting, is what a siege with such clients shows.
import type { Address } from '../core/address.ts'
import { QuicConnection } from '../core/quic/connection.ts'
import type { Identity, Ports } from '../io/ports.ts'

const DATAGRAM_BYTES_MAX = 1_500
/** More than any first flight needs. */
const FLIGHT_DATAGRAMS_MAX = 8

/** Keeps its socket open, so that answers vanish without an error, until `close`. */
export interface SilentClient {
  close(): Promise<void>
}

/** Binds a socket beside `target`, sends the flight and resolves once it is sent. */
export const besiege = async (target: Address, identity: Identity, ports: Ports): Promise<SilentClient> => {
  const ip = target.family === 4 ? '127.0.0.1' : '::1'
  const socket = await ports.udp.bind({ family: target.family, ip, port: 0 }, { datagram: () => {}, failed: () => {} })
  const now = ports.clock.now()
  const connection = QuicConnection.connect(
    {
      role: 'client',
      crypto: ports.crypto,
      random: ports.random,
      publicKey: identity.publicKey,
      alpn: ['sallyport/1'],
      expectedPeer: null,
      remote: target,
    },
    now,
  )
  for (let n = 0; n < FLIGHT_DATAGRAMS_MAX; n++) {
    const datagram = new Uint8Array(DATAGRAM_BYTES_MAX)
    const size = connection.transmit(datagram, now)
    if (size === 0) break
    await new Promise<void>((resolve) => socket.send(datagram.subarray(0, size), target, resolve))
  }
  connection.abandon()
  return socket
}
