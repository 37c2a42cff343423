// First flights that were captured and are sent again and again: a genuine ClientHello each, and, once a Retry was answered, with a token
// that is good for a while and for its source alone. Recordings are renewed, as somebody who listens would renew them.
import type { Address } from '../core/address.ts'
import { ALPN } from '../core/messages/codes.ts'
import { QuicConnection } from '../core/quic/connection.ts'
import { LOCAL_ID_BYTES, parseHeader } from '../core/quic/packet.ts'
import type { Identity, Ports, UdpSocket } from '../io/ports.ts'

const DATAGRAM_BYTES_MAX = 1_500
/** Twice as long as a Retry token is good for, so that stale ones are replayed too. */
const RENEW_MS = 20_000
const FLIGHT_DATAGRAMS_MAX = 4

/** What a recording is made of. */
export interface RecordingParts {
  readonly target: Address
  readonly local: Address
  readonly identity: Identity
  readonly ports: Ports
  /** Its source is somebody else's, so nothing that is answered is heard. */
  readonly forged: boolean
}

/** One captured first flight and the source it came from. */
export class Recording {
  readonly #parts: RecordingParts
  #socket: UdpSocket | null = null
  #connection: QuicConnection | null = null
  /** Bounded by FLIGHT_DATAGRAMS_MAX. */
  #flight: Uint8Array[] = []
  #renewAt = 0

  /** Binds its socket; rejects with BIND_FAILED. */
  static async bind(parts: RecordingParts): Promise<Recording> {
    const recording = new Recording(parts)
    recording.#socket = await parts.ports.udp.bind(parts.local, {
      datagram: (bytes, from) => recording.#heard(bytes, from),
      failed: () => {},
    })
    return recording
  }

  private constructor(parts: RecordingParts) {
    this.#parts = parts
  }

  /** Sends the flight once more. */
  replay(): void {
    const { ports, target } = this.#parts
    if (ports.clock.now() >= this.#renewAt) this.#renew()
    // A copy each time: what is given to the socket belongs to it.
    for (const datagram of this.#flight) this.#socket?.send(datagram.slice(), target, () => {})
  }

  async close(): Promise<void> {
    this.#connection?.abandon()
    await this.#socket?.close()
  }

  #renew(): void {
    const { identity, ports, target } = this.#parts
    this.#renewAt = ports.clock.now() + RENEW_MS
    this.#connection?.abandon()
    this.#connection = QuicConnection.connect(
      {
        role: 'client',
        crypto: ports.crypto,
        random: ports.random,
        publicKey: identity.publicKey,
        alpn: [ALPN],
        expectedPeer: null,
        remote: target,
      },
      ports.clock.now(),
    )
    this.#capture()
  }

  /** A Retry is answered, for the token; nothing else is heard. */
  #heard(bytes: Uint8Array, from: Address): void {
    if (this.#parts.forged) return
    if (parseHeader(bytes, 0, LOCAL_ID_BYTES)?.form !== 'retry') return
    this.#connection?.receive(bytes, from, this.#parts.ports.clock.now())
    this.#capture()
  }

  #capture(): void {
    const flight: Uint8Array[] = []
    for (let n = 0; n < FLIGHT_DATAGRAMS_MAX && this.#connection !== null; n++) {
      const datagram = new Uint8Array(DATAGRAM_BYTES_MAX)
      const length = this.#connection.transmit(datagram, this.#parts.ports.clock.now())
      if (length === 0) break
      flight.push(datagram.subarray(0, length))
    }
    if (flight.length > 0) this.#flight = flight
  }
}
