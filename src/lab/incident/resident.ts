// A host of the incident's network: a transport with the accept path under test, and a life that begins and ends again.
import { formatAddress, type Address } from '../../core/address.ts'
import { SallyportError } from '../../core/errors.ts'
import type { Identity } from '../../io/ports.ts'
import { TransportHandle } from '../../node/transport-handle.ts'
import type { Host } from '../../world/host.ts'
import type { World } from '../../world/world.ts'
import { type Control, controlOf } from '../controls.ts'
import type { IncidentSettings, Path } from './settings.ts'
import type { Tally } from './tally.ts'
import type { Weather } from './weather.ts'

/** What chunks are put by. */
export const PUT = '/lab/put/1'

const PORT = 9000

/** What a process that comes without a place of its own draws its port from. */
const FREE_PORTS = 40_000

/** No dial takes longer. */
const DIALLED_MS = 15_000

/** How long a chunk may take. */
const PUT_WITHIN_MS = 15_000

/** What a resident is made of. */
export interface ResidentOptions {
  readonly world: World
  readonly host: Host
  readonly identity: Identity
  readonly path: Path
  readonly settings: IncidentSettings
  readonly tally: Tally
  readonly weather: Weather
  /** Whether it uploads, and nobody dials it. */
  readonly isClient?: boolean
  /** Whether each of its processes has a port of its own. */
  readonly isFresh?: boolean
  /** Whether it acknowledges after seconds. */
  readonly isSlow?: boolean
}

/** One host and what runs there. */
export class Resident {
  readonly host: Host
  readonly identity: Identity
  readonly #options: ResidentOptions
  #transport: TransportHandle | null = null
  #control: Control | null = null
  /** Of earlier processes. */
  #accepted = 0
  #reading = 0
  #startedAt = 0
  /** Others take it for alive until then, if it ended without a word. */
  #believedUntil = 0

  constructor(options: ResidentOptions) {
    this.#options = options
    this.host = options.host
    this.identity = options.identity
  }

  /** Where others find it. */
  get address(): Address {
    const { isFresh = false } = this.#options
    return { family: 4, ip: this.host.nic.ip4 ?? '', port: isFresh ? PORT + (this.host.starts % FREE_PORTS) : PORT }
  }

  get isSlow(): boolean {
    return this.#options.isSlow ?? false
  }

  get transport(): TransportHandle | null {
    return this.host.process === null ? null : this.#transport
  }

  /** Whether others would try it. */
  get isBelieved(): boolean {
    return this.transport !== null || this.#options.world.now < this.#believedUntil
  }

  /** Inbound handshakes that finished so far, and those of them that production reads; of all its processes. */
  get inbound(): { readonly accepted: number; readonly reading: number } {
    const counters = this.transport?.counters()
    return {
      accepted: this.#accepted + (counters?.accepted.inbound ?? 0),
      reading: this.#reading + (counters?.reading.inbound ?? 0),
    }
  }

  /** Whether it runs, and could be reached while anybody may have been dialling it. */
  get #isThere(): boolean {
    const { world, weather } = this.#options
    return (
      world.now - this.#startedAt > DIALLED_MS && this.transport !== null && !weather.wasCut(this.host.nic, DIALLED_MS)
    )
  }

  /** Starts it; it answers from then on. */
  async start(): Promise<void> {
    const { path, settings, tally } = this.#options
    const { ports } = this.host.start()
    this.#startedAt = this.#options.world.now
    const { figures } = tally
    const control = path === 'sallyport' ? null : controlOf(path, { history: settings.history, figures })
    this.#control = control
    this.#transport = null
    const transport = await TransportHandle.open({
      ports,
      identity: this.identity,
      capability: 'node',
      listen: [this.address],
      limits: { idleAfterMs: settings.idleMs },
      ...control?.options,
    })
    transport.handle(PUT, async ({ peer }) => {
      await this.#through((maps, now, done) => maps.message(peer, now, () => maps.send(now, done)))
      return { status: 0 }
    })
    this.#transport = transport
  }

  /** Ends it, with a word or without. */
  async end(withWord: boolean): Promise<void> {
    const transport = this.#transport
    if (withWord) await transport?.close()
    else this.#believedUntil = this.#options.world.now + this.#options.settings.deadMs
    const { accepted, reading } = this.inbound
    this.#accepted = accepted
    this.#reading = reading
    this.#transport = null
    this.host.kill()
  }

  /** Makes sure that another is connected; false when it could not be had. */
  async reach(other: Resident): Promise<boolean> {
    const { transport } = this
    if (transport === null) return false
    if (transport.peer(other.identity.peerId) !== null) return true
    const { world, tally, isClient = false } = this.#options
    const began = world.now
    try {
      await transport.connectPeer(formatAddress(other.address, other.identity.peerId), { insist: true })
      transport.hold(other.identity.peerId)
      tally.exchangeTimes.push(world.now - began)
      return true
    } catch (error) {
      const { code } = SallyportError.from(error)
      // Whoever is dead or cut off is no exchange that failed.
      const isLate = code === 'IDENTITY_TIMEOUT' || code === 'DIAL_TIMEOUT'
      if (isLate && this.#isThere && other.#isThere) tally.timedOut({ isSlow: this.isSlow || other.isSlow, isClient })
      return false
    }
  }

  /** Puts a chunk at another; false when that failed. */
  async put(other: Resident, chunk: Uint8Array): Promise<boolean> {
    if (!(await this.reach(other))) return false
    await this.#through((maps, now, done) => maps.send(now, done))
    try {
      const options = { timeoutMs: PUT_WITHIN_MS }
      const answer = await this.transport?.request(other.identity.peerId, PUT, chunk, options)
      return answer?.status === 0
    } catch {
      return false
    }
  }

  /** Waits for what a historical node would wait for; one of ours for nothing. */
  async #through(
    wait: (maps: NonNullable<ReturnType<Control['maps']>>, now: number, done: () => void) => void,
  ): Promise<void> {
    const maps = this.#control?.maps() ?? null
    const now = this.host.process?.ports.clock.now()
    if (maps === null || now === undefined) return
    await new Promise<void>((resolve) => wait(maps, now, resolve))
  }
}
