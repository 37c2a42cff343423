// UDP sockets over node:dgram. A failed send is like a datagram lost on its way: told to nobody, because QUIC notices by itself;
// what the socket itself reports goes to `failed`. Each datagram comes in memory of its own, which dgram never uses again.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { addressText, type Address } from '../core/address.ts'
import { SallyportError } from '../core/errors.ts'
import { readKernelDrops } from './kernel-drops.ts'
import type { Udp, UdpEvents, UdpSocket } from './ports.ts'

/** What each socket asks for, each way: a burst of 4,000 datagrams loses a tenth with this much, and all but 92 with what systems give unasked. */
export const UDP_BUFFER_BYTES = 4 * 1024 * 1024

/** Binds real sockets; an IPv6 socket takes no IPv4, so that both families can have the same port. */
export const systemUdp: Udp = Object.freeze({
  bind: (local: Address, on: UdpEvents) =>
    new Promise<UdpSocket>((resolve, reject) => {
      const socket = createSocket({
        type: local.family === 4 ? 'udp4' : 'udp6',
        ipv6Only: local.family === 6,
        lookup: asWritten,
      })
      const refused = (cause: unknown): void => {
        socket.close()
        reject(bindFailed(local, cause))
      }
      socket.once('error', refused)
      socket.bind({ address: local.ip, port: local.port, exclusive: true }, () => {
        socket.off('error', refused)
        resolve(new DgramSocket(socket, on))
      })
    }),
})

class DgramSocket implements UdpSocket {
  readonly local: Address
  readonly #socket: Socket
  #closing: Promise<void> | null = null

  constructor(socket: Socket, on: UdpEvents) {
    this.#socket = socket
    const bound = socket.address()
    this.local = canonical(bound.address, bound.port)
    askForBuffers(socket)
    socket.on('message', (bytes, from: RemoteInfo) => on.datagram(plain(bytes), canonical(from.address, from.port)))
    socket.on('error', (error) => on.failed(error))
  }

  send(bytes: Uint8Array, to: Address, sent: () => void): void {
    if (this.#closing !== null) return void setImmediate(sent)
    try {
      this.#socket.send(bytes, to.port, to.ip, () => sent())
    } catch {
      // dgram throws at port 0 and the like: an address no datagram reaches.
      setImmediate(sent)
    }
  }

  kernelDrops(): number | null {
    return readKernelDrops(this.local)
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#socket.removeAllListeners('message')
      this.#socket.close(() => resolve())
    })
    return this.#closing
  }
}

/** A Buffer's `slice` is no copy: whoever keeps a few bytes of one would keep the whole datagram. */
const plain = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/** Addresses are numeric already: answering at once spares each datagram a trip through the resolver and a turn. */
const asWritten = (
  host: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void => done(null, host, host.includes(':') ? 6 : 4)

/** Systems give what they allow and some refuse to be asked for more; a small buffer is no reason not to start. */
const askForBuffers = (socket: Socket): void => {
  for (const ask of [
    () => socket.setRecvBufferSize(UDP_BUFFER_BYTES),
    () => socket.setSendBufferSize(UDP_BUFFER_BYTES),
  ]) {
    try {
      ask()
    } catch {
      // The system's own size stays.
    }
  }
}

const MAPPED = '::ffff:'

/** The system writes RFC 5952 already, but with the zone of link-local addresses and with IPv4-mapped ones as IPv6. */
const canonical = (text: string, port: number): Address => {
  if (!text.includes(':')) return { family: 4, ip: text, port }
  if (text.startsWith(MAPPED) && text.includes('.')) return { family: 4, ip: text.slice(MAPPED.length), port }
  const zone = text.indexOf('%')
  return { family: 6, ip: zone < 0 ? text : text.slice(0, zone), port }
}

const bindFailed = (local: Address, cause: unknown): SallyportError => {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new SallyportError('BIND_FAILED', `cannot listen on ${addressText(local)}: ${why}`, cause)
}
