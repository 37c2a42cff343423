// A UDP forwarder on loopback between a client and a server: it sees what passes in the clear (Retry, Version Negotiation), and can
// move the client to another port in the middle, as a NAT does that forgot it.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

const HOST = '127.0.0.1'
const SEED = 20_261_126
const BUFFER_BYTES = 4 * 1024 * 1024

/** What passed from the server to its clients. */
export interface Witness {
  retries: number
  versionNegotiations: number
  /** Bytes from the server, and of these the ones that came to a port after the client was moved to it. */
  bytes: number
  bytesAfterMove: number
  moves: number
  lost: number
  /** Ports that clients sent from. */
  clients: number
}

/** How often clients are moved: each time this many bytes have passed, in either direction. */
export interface Moves {
  readonly everyBytes: number
  readonly max: number
}

/** What else the way does to datagrams: each that comes is lost with this chance, by a sequence that is the same in each run. */
export interface Weather {
  readonly moves?: Moves
  readonly loss?: number
}

interface Way {
  readonly client: { readonly address: string; readonly port: number }
  upstream: Socket
  passed: number
  moves: number
}

export class Forwarder {
  readonly witness: Witness = {
    retries: 0,
    versionNegotiations: 0,
    bytes: 0,
    bytesAfterMove: 0,
    moves: 0,
    lost: 0,
    clients: 0,
  }
  readonly #server: number
  readonly #moves: Moves | null
  readonly #loss: number
  #drawn = SEED
  readonly #front = createSocket('udp4')
  /** By the client's port. Bounded by the clients of one cell. */
  readonly #ways = new Map<number, Way>()
  readonly #sockets = new Set<Socket>()

  constructor(server: number, { moves, loss = 0 }: Weather = {}) {
    this.#server = server
    this.#moves = moves ?? null
    this.#loss = loss
    this.#front.on('message', (datagram, { address, port }) => this.#fromClient(datagram, address, port))
    this.#front.on('error', () => {})
  }

  /** Listens, and gives its port. */
  async listen(): Promise<number> {
    this.#front.bind(0, HOST)
    await once(this.#front, 'listening')
    widen(this.#front)
    return this.#front.address().port
  }

  close(): void {
    this.#front.close()
    for (const socket of this.#sockets) socket.close()
  }

  #fromClient(datagram: Uint8Array, address: string, port: number): void {
    let way = this.#ways.get(port)
    if (way === undefined) {
      way = { client: { address, port }, upstream: this.#open(port), passed: 0, moves: 0 }
      this.#ways.set(port, way)
      this.witness.clients++
    }
    this.#count(way, datagram.length)
    if (this.#isLost()) return
    way.upstream.send(datagram, this.#server, HOST)
  }

  #fromServer(way: Way, datagram: Uint8Array): void {
    const { witness } = this
    if (isLong(datagram)) {
      const version = new DataView(datagram.buffer, datagram.byteOffset).getUint32(1)
      if (version === 0) witness.versionNegotiations++
      else if ((datagram[0] ?? 0) >> 4 === 0xf) witness.retries++
    }
    witness.bytes += datagram.length
    if (way.moves > 0) witness.bytesAfterMove += datagram.length
    this.#count(way, datagram.length)
    if (this.#isLost()) return
    this.#front.send(datagram, way.client.port, way.client.address)
  }

  #isLost(): boolean {
    if (this.#loss === 0) return false
    this.#drawn = (this.#drawn * 1_103_515_245 + 12_345) % 2 ** 31
    const isLost = this.#drawn / 2 ** 31 < this.#loss
    if (isLost) this.witness.lost++
    return isLost
  }

  #count(way: Way, bytes: number): void {
    way.passed += bytes
    if (this.#moves === null || way.moves >= this.#moves.max) return
    if (way.passed < (way.moves + 1) * this.#moves.everyBytes) return
    way.moves++
    this.witness.moves++
    // The old port is gone with what was on its way to it.
    this.#sockets.delete(way.upstream)
    way.upstream.close()
    way.upstream = this.#open(way.client.port)
  }

  #open(client: number): Socket {
    const socket = createSocket('udp4')
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('message', (datagram) => {
      const way = this.#ways.get(client)
      if (way?.upstream === socket) this.#fromServer(way, datagram)
    })
    socket.bind(0, HOST, () => widen(socket))
    return socket
  }
}

/** Of the first byte only the highest bit is the same in all versions (RFC 8999), and Version Negotiation is of none. */
const isLong = (datagram: Uint8Array): boolean => datagram.length >= 5 && (datagram[0] ?? 0) >= 0x80

const widen = (socket: Socket): void => {
  try {
    socket.setRecvBufferSize(BUFFER_BYTES)
    socket.setSendBufferSize(BUFFER_BYTES)
  } catch {
    // The system allows less: a burst may be lost, which QUIC bears.
  }
}

/** A port that nobody has now. */
export const freePort = async (): Promise<number> => {
  const socket = createSocket('udp4')
  socket.bind(0, HOST)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
