// A peer that has finished its handshake and then writes whatever a test wants onto its streams.
import { formatAddress } from '../../src/core/address.ts'
import { Counters } from '../../src/core/counters.ts'
import { connectionHandle, type StreamId } from '../../src/core/ids.ts'
import { ALPN } from '../../src/core/messages/codes.ts'
import { type ControlMessage, encodeControl } from '../../src/core/messages/control.ts'
import { decodeResponseHeader, type ResponseHeader } from '../../src/core/messages/requests.ts'
import { Assembly } from '../../src/core/dispatch/assembly.ts'
import type { Crypto, PacketKey } from '../../src/core/ports.ts'
import type { CloseReason } from '../../src/core/quic/outputs.ts'
import { TRANSPORT_DEFAULTS } from '../../src/core/quic/settings.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Identity } from '../../src/io/ports.ts'
import { Endpoint } from '../../src/node/endpoint.ts'
import type { Link, StreamOutput } from '../../src/node/link.ts'
import { limitsOf } from '../../src/node/options.ts'
import { Schedule } from '../../src/node/schedule.ts'
import type { Host, World } from './transport-world.ts'

export class RawPeer {
  readonly #world: World
  readonly identity: Identity
  readonly #endpoint: Endpoint
  /** Why its connection ended, once it has. */
  closed: CloseReason | null = null
  readonly heard: StreamOutput[] = []
  #link: Link | null = null
  #control: StreamId | null = null

  /** What the next packets carry instead of what they should, padded, under the true keys; null: nothing. */
  forged: Uint8Array | null = null

  /** Dials a host and finishes the handshake, unless `forged` prevents it. */
  static async connect(world: World, host: Host, forged: Uint8Array | null = null): Promise<RawPeer> {
    const peer = new RawPeer(world, await generateIdentity(), world.nextIp())
    peer.forged = forged
    await peer.#endpoint.bind({ family: 4, ip: world.lastIp, port: 9000 })
    peer.dial(host)
    await world.clock.advance(100)
    return peer
  }

  #forging(crypto: Crypto): Crypto {
    return {
      ...crypto,
      packetKey: (...parts) => {
        const key = crypto.packetKey(...parts)
        const seal: PacketKey['seal'] = (buffer, header, start, end, packetNumber) => {
          if (this.forged !== null) {
            buffer.fill(0, start, end)
            buffer.set(this.forged.subarray(0, end - start), start)
          }
          key.seal(buffer, header, start, end, packetNumber)
        }
        return { seal, open: key.open.bind(key), mask: key.mask.bind(key), release: () => key.release() }
      },
    }
  }

  /** Waits to be dialled, where `address` says. */
  static async listen(world: World): Promise<RawPeer> {
    const peer = new RawPeer(world, await generateIdentity(), world.nextIp())
    await peer.#endpoint.bind({ family: 4, ip: world.lastIp, port: 9000 })
    return peer
  }

  private constructor(world: World, identity: Identity, ip: string) {
    const ports = { ...world.ports(ip), crypto: this.#forging(world.ports(ip).crypto) }
    let drawn = 0
    this.#world = world
    this.identity = identity
    this.#endpoint = new Endpoint({
      ports,
      identity,
      alpn: [ALPN],
      limits: limitsOf(),
      transport: TRANSPORT_DEFAULTS,
      schedule: new Schedule(ports.clock, ports.timers),
      counters: new Counters(),
      handles: { full: false, size: 0, draw: () => connectionHandle(++drawn) },
      acceptance: {
        established: (link, now) => {
          this.#link = link
          link.read({ stream: (output) => void this.heard.push(output) }, now)
        },
        migrated: () => {},
        lost: (_handle, reason) => void (this.closed = reason),
        failed: (_handle, _failure, reason) => void (this.closed = reason),
      },
    })
  }

  /** Dials a host, be it once more. */
  dial(host: Host): void {
    this.#endpoint.dial(host.transport.locals[0]!, null)
  }

  get address(): string {
    return formatAddress(this.#endpoint.locals[0]!, this.identity.peerId)
  }

  /** Whether a handshake has finished. */
  get reached(): boolean {
    return this.#link !== null
  }

  get link(): Link {
    if (this.#link === null) throw new Error('the handshake has not finished')
    return this.#link
  }

  /** The first stream that `control` or `greet` opened. */
  get controlStream(): StreamId {
    if (this.#control === null) throw new Error('nothing was said on a control stream')
    return this.#control
  }

  /** Opens a control stream with these messages and leaves it open. */
  control(...messages: Exclude<ControlMessage, { kind: 'unknown' }>[]): StreamId {
    const stream = this.link.open(false)!
    this.#control ??= stream
    for (const message of messages) this.link.write(stream, encodeControl(message))
    return stream
  }

  /** HELLO and HELLO_ACK: identified for the other side. */
  async greet(): Promise<StreamId> {
    const stream = this.control(HELLO, { kind: 'hello-ack' })
    await this.#world.clock.advance(50)
    return stream
  }

  /** Writes bytes onto a new stream and ends it, unless it is to stay open. */
  say(bytes: Uint8Array, { bidirectional = true, open = false } = {}): StreamId {
    const stream = this.link.open(bidirectional)!
    this.link.write(stream, bytes)
    if (!open) this.link.finish(stream)
    return stream
  }

  /** The header of what came back on a stream of ours. */
  answer(stream: StreamId): ResponseHeader | null {
    const assembly = new Assembly(decodeResponseHeader, 1_000_000)
    for (let bytes = this.link.readStream(stream); bytes !== null; bytes = this.link.readStream(stream)) {
      assembly.receive(bytes)
    }
    return assembly.header
  }

  close(): Promise<void> {
    return this.#world.run(this.#endpoint.close({ code: 0, reason: '' }, 10))
  }
}

export const HELLO = {
  kind: 'hello',
  hello: {
    version: 1,
    userAgent: 'raw',
    incarnation: new Uint8Array(8).fill(1),
    capability: 'client',
    addresses: [],
    observed: null,
  },
} as const
