// A network of phonebooks in memory on a fake clock: every connection and request takes its time, dead nodes never answer, and nothing
// of a transport is real but its promises.
import type { Address, PeerAddress } from '../../src/core/address.ts'
import { SallyportError } from '../../src/core/errors.ts'
import type { PeerId } from '../../src/core/ids.ts'
import { peerIdOf } from '../../src/core/ids.ts'
import type { Diversity } from '../../src/core/kademlia/diversity.ts'
import { DIVERSITY_ON } from '../../src/core/kademlia/diversity.ts'
import type { Id } from '../../src/core/kademlia/distance.ts'
import { byDistance } from '../../src/core/kademlia/distance.ts'
import type { Capability } from '../../src/core/messages/hello.ts'
import type { RequestHeader } from '../../src/core/messages/requests.ts'
import type { Acquaintance, Answer, PhonebookTransport, Until } from '../../src/node/phonebook-ports.ts'
import { Phonebook } from '../../src/node/phonebook.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** How a node of the network differs from the others. */
export interface MemberOptions {
  readonly address?: Address
  readonly capability?: Capability
  readonly diversity?: Diversity
}

/** One node: its phonebook over a transport of this network. */
export class Member implements PhonebookTransport {
  readonly peerId: PeerId
  readonly address: Address
  readonly capability: Capability
  readonly phonebook: Phonebook
  readonly network: SimulatedNetwork
  readonly connections = new Map<PeerId, Member>()
  /** Every dial begun, in order. */
  readonly dials: Address[] = []
  kept: readonly PeerId[] = []
  /** Answers in place of the phonebook, when set. */
  answerInstead: ((header: RequestHeader) => Answer) | null = null
  alive = true
  /** Who said goodbye to this node. */
  readonly leavers = new Set<PeerId>()
  /** Whom it parted from. */
  readonly parted = new Set<PeerId>()

  constructor(network: SimulatedNetwork, index: number, options: MemberOptions) {
    const bytes = new Uint8Array(32)
    network.random.fill(bytes)
    this.network = network
    this.peerId = peerIdOf(bytes)
    this.address = options.address ?? { family: 4, ip: `127.${10 + (index >> 8)}.${index & 255}.1`, port: 9000 }
    this.capability = options.capability ?? 'node'
    const { clock, random } = network
    const diversity = options.diversity ?? DIVERSITY_ON
    this.phonebook = new Phonebook({ self: this.peerId, diversity, transport: this, clock, timers: clock, random })
  }

  get peerAddress(): PeerAddress {
    return { address: this.address, peerId: this.peerId }
  }

  /** What others know of this node once it is identified. */
  get acquaintance(): Acquaintance {
    const hello = {
      version: 1,
      userAgent: 'test',
      incarnation: new Uint8Array(8),
      capability: this.capability,
      addresses: [this.address],
      observed: null,
    }
    return { peerId: this.peerId, remote: this.address, hello }
  }

  peer(peerId: PeerId): Acquaintance | null {
    return this.connections.get(peerId)?.acquaintance ?? null
  }

  hasLeft(peerId: PeerId): boolean {
    return this.leavers.has(peerId)
  }

  hasParted(peerId: PeerId): boolean {
    return this.parted.has(peerId)
  }

  keep(peers: readonly PeerId[]): void {
    this.kept = peers
  }

  connect(target: PeerAddress, until: Until): Promise<PeerId> {
    this.dials.push(target.address)
    return this.network.travel(until, 'DIAL_TIMEOUT', () => {
      const other = this.network.at(target.address)
      if (other === null || !other.alive) return null
      if (target.peerId !== null && target.peerId !== other.peerId)
        throw new SallyportError('IDENTITY_MISMATCH', 'somebody else answers there')
      this.connections.set(other.peerId, other)
      other.connections.set(this.peerId, this)
      this.phonebook.identified(other.acquaintance)
      other.phonebook.identified(this.acquaintance)
      return other.peerId
    })
  }

  request(peer: PeerId, header: RequestHeader, until: Until): Promise<Answer> {
    return this.network.travel(until, 'REQUEST_TIMEOUT', () => {
      const other = this.connections.get(peer)
      if (other === undefined) throw new SallyportError('NOT_CONNECTED', 'no connection')
      if (!other.alive) return null
      return other.answerInstead?.(header) ?? other.phonebook.answer(this.acquaintance, header)
    })
  }

  /** Says goodbye to whom it is connected, and then hears nothing more; what its peers are told a moment later is their test's to say. */
  leave(): void {
    for (const other of this.connections.values()) {
      other.leavers.add(this.peerId)
      other.connections.delete(this.peerId)
    }
    this.connections.clear()
    this.die()
  }

  /** Falls silent: connections stay until somebody notices. */
  die(): void {
    this.alive = false
    void this.phonebook.close()
  }
}

/** See the head of this file. */
export class SimulatedNetwork {
  readonly clock = new FakeClock()
  readonly random: SeededRandom
  readonly members: Member[] = []
  readonly #byPlace = new Map<string, Member>()

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  add(options: MemberOptions = {}): Member {
    const member = new Member(this, this.members.length, options)
    this.members.push(member)
    this.#byPlace.set(placeOf(member.address), member)
    return member
  }

  at(address: Address): Member | null {
    return this.#byPlace.get(placeOf(address)) ?? null
  }

  /** Adds nodes and joins them through the first one, eight at a time. */
  async grow(count: number): Promise<void> {
    const first = this.members[0] ?? this.add()
    while (this.members.length < count) {
      const batch = Array.from({ length: Math.min(8, count - this.members.length) }, () => this.add())
      await this.clock.until(Promise.all(batch.map((member) => member.phonebook.join([first.peerAddress]))))
    }
  }

  /** The living nodes closest to a target, by the definition, without `except`. */
  trueClosest(target: Id, count: number, except: PeerId | null = null): PeerId[] {
    const living = this.members.filter(({ alive, capability }) => alive && capability === 'node')
    const ids = living.map(({ peerId }) => peerId).filter((id) => id !== except)
    return ids.sort(byDistance(target)).slice(0, count)
  }

  /** Breaks every connection, as idle ones end. */
  disconnect(): void {
    for (const member of this.members) member.connections.clear()
  }

  /** A trip there and back of 20 to 60 ms; `arrive` gives null for silence. */
  travel<T>(
    { timeoutMs, signal }: Until,
    silence: 'DIAL_TIMEOUT' | 'REQUEST_TIMEOUT',
    arrive: () => T | null,
  ): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const late = this.clock.at(this.clock.now() + timeoutMs, () => reject(new SallyportError(silence, 'no answer')))
    const trip = this.clock.at(this.clock.now() + 20 + this.random.below(40), () => {
      try {
        const result = arrive()
        if (result !== null) resolve(result)
      } catch (error) {
        reject(SallyportError.from(error))
      }
    })
    const abort = (): void => reject(new SallyportError('CANCELLED', 'cancelled'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
    return promise.finally(() => {
      late.cancel()
      trip.cancel()
      signal.removeEventListener('abort', abort)
    })
  }
}

const placeOf = ({ ip, port }: Address): string => `${ip} ${port}`
