// The rooms of a real transport over scripted connections: a test brings any connection to any end, from any address of this machine.
import type { Address } from '../../src/core/address.ts'
import { peerIdOf } from '../../src/core/ids.ts'
import type { CloseReason } from '../../src/core/quic/outputs.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Udp, UdpEvents, UdpSocket } from '../../src/io/ports.ts'
import { type TransportOptions, type TransportParts, transportParts } from '../../src/node/transport-parts.ts'
import { firstDatagram, laterDatagram, scripted, type ScriptedConnection } from './scripted-quic.ts'
import type { World } from './transport-world.ts'

const HERE = { family: 4, ip: '127.0.0.1', port: 9000 } as const

export class ScriptedHost {
  readonly parts: TransportParts
  /** In the order in which they were made; the nth is known by an id of `n`s. */
  readonly connections: ScriptedConnection[] = []
  readonly #world: World
  #events: UdpEvents | null = null
  readonly #udp: ReturnType<World['network']['host']>
  readonly #sockets = new Map<string, UdpSocket>()
  #flights = 0x40

  static async make(world: World, options: Partial<TransportOptions> = {}): Promise<ScriptedHost> {
    const ip = world.nextIp()
    const ports = { ...world.ports(ip), udp: world.network.host({ ip4: ip }) }
    const identity = await generateIdentity()
    const host = new ScriptedHost(world, { ports, identity, capability: 'node', listen: [], ...options })
    await host.parts.endpoint.bind(HERE)
    return host
  }

  private constructor(world: World, options: TransportOptions) {
    this.#world = world
    this.#udp = options.ports.udp
    const bind: Udp['bind'] = (local, on) => {
      this.#events = on
      return this.#udp.bind(local, on)
    }
    const ports = { ...options.ports, udp: { bind } }
    this.parts = transportParts({
      ...options,
      ports,
      quic: scripted((connection) => this.connections.push(connection)),
    })
  }

  /** A datagram comes, and all it leads to at once is done when this returns. */
  deliver(bytes: Uint8Array, from: Address): void {
    this.#events?.datagram(bytes, from)
  }

  /** A datagram comes from an address of this machine, and 10 ms pass. */
  async hear(bytes: Uint8Array, ip = '127.0.0.2'): Promise<void> {
    const known = this.#sockets.get(ip)
    const local = { family: 4, ip, port: 4000 } as const
    const socket = known ?? (await this.#udp.bind(local, { datagram: () => {}, failed: () => {} }))
    this.#sockets.set(ip, socket)
    socket.send(bytes, HERE, () => {})
    await this.#world.clock.advance(10)
  }

  /** A handshake of a peer begins; its connection. */
  async accept(ip?: string): Promise<ScriptedConnection> {
    await this.hear(firstDatagram(++this.#flights), ip)
    return this.connections.at(-1)!
  }

  /** One of ours begins. */
  dial(): ScriptedConnection {
    this.parts.endpoint.dial({ family: 4, ip: '127.0.0.9', port: 1 }, null)
    return this.connections.at(-1)!
  }

  /** The handshake finishes, with the peer whose id is of `n`s. */
  async establish(connection: ScriptedConnection, n: number): Promise<void> {
    const publicKey = new Uint8Array(1952)
    connection.outputs.push({ kind: 'established', peerId: peerIdOf(new Uint8Array(32).fill(n)), publicKey })
    await this.hear(laterDatagram(connection.localIds[0]![0]!))
  }

  /** The connection ends. */
  async end(connection: ScriptedConnection, reason: CloseReason): Promise<void> {
    connection.outputs.push({ kind: 'closed', reason }, { kind: 'gone' })
    await this.hear(laterDatagram(connection.localIds[0]![0]!))
  }
}
