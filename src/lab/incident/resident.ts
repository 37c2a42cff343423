// A host of the incident's network: a transport with the accept path under test, a few neighbours it keeps up, and a life that ends.
import { formatAddress, type Address } from '../../core/address.ts'
import { SallyportError } from '../../core/errors.ts'
import type { PeerId } from '../../core/ids.ts'
import type { Identity } from '../../io/ports.ts'
import { TransportHandle } from '../../node/transport-handle.ts'
import type { Host } from '../../world/host.ts'
import type { World } from '../../world/world.ts'
import { controlOf } from '../controls.ts'
import { Figures } from '../strategies/figures.ts'
import type { Path } from './settings.ts'

/** What chunks are put by. */
export const PUT = '/lab/put/1'

const PORT = 9000

/** Whom a resident is, and what became of its identity exchanges. */
export interface Exchanges {
  done: number
  timedOut: number
  /** Milliseconds from dial to identified; of one period. */
  readonly times: number[]
}

/** One host and what runs there. */
export class Resident {
  readonly host: Host
  readonly identity: Identity
  readonly address: Address
  readonly #world: World
  readonly #path: Path
  readonly #exchanges: Exchanges
  #transport: TransportHandle | null = null
  figures = new Figures()

  constructor(
    world: World,
    own: { readonly host: Host; readonly identity: Identity; readonly path: Path; readonly exchanges: Exchanges },
  ) {
    this.#world = world
    this.host = own.host
    this.identity = own.identity
    this.#path = own.path
    this.#exchanges = own.exchanges
    this.address = { family: 4, ip: own.host.nic.ip4 ?? '', port: PORT }
  }

  get transport(): TransportHandle | null {
    return this.host.process === null ? null : this.#transport
  }

  /** Starts it; it answers from then on. */
  async start(): Promise<void> {
    const { ports } = this.host.start()
    const control = this.#path === 'sallyport' ? null : controlOf(this.#path)
    this.figures = control?.figures ?? new Figures()
    this.#transport = null
    const transport = await TransportHandle.open({
      ports,
      identity: this.identity,
      capability: 'node',
      listen: [this.address],
      ...control?.options,
    })
    transport.handle(PUT, () => ({ status: 0 }))
    this.#transport = transport
  }

  /** Ends it, with a word or without. */
  async end(withWord: boolean): Promise<void> {
    const transport = this.#transport
    this.#transport = null
    if (withWord) await transport?.close()
    this.host.kill()
  }

  /** Makes sure that another is connected; false when it could not be had. */
  async reach(other: Resident): Promise<boolean> {
    const transport = this.transport
    if (transport === null) return false
    if (transport.peer(other.identity.peerId) !== null) return true
    const began = this.#world.now
    try {
      await transport.connectPeer(formatAddress(other.address, other.identity.peerId), { insist: true })
      this.#exchanges.done++
      this.#exchanges.times.push(this.#world.now - began)
      return true
    } catch (error) {
      const { code } = SallyportError.from(error)
      // Whoever is dead is no exchange that failed.
      if (other.transport !== null && (code === 'IDENTITY_TIMEOUT' || code === 'DIAL_TIMEOUT'))
        this.#exchanges.timedOut++
      return false
    }
  }

  /** Puts a chunk at another; false when that failed. */
  async put(other: Resident, chunk: Uint8Array): Promise<boolean> {
    if (!(await this.reach(other))) return false
    try {
      const answer = await this.transport?.request(other.identity.peerId, PUT, chunk, { timeoutMs: 15_000 })
      return answer?.status === 0
    } catch {
      return false
    }
  }

  /** Who is connected now. */
  has(peerId: PeerId): boolean {
    return this.transport?.peer(peerId) !== null
  }
}
