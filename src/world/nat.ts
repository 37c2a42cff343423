// Network address translators of the common kinds: an inner address becomes a port of the outer one, and what comes back passes only
// where the kind lets it. A mapping that is not used is forgotten, and all are when the device starts again.
//
//   kind              one outer port for     lets in
//   full-cone         each inner address     anybody
//   restricted        each inner address     hosts that were sent to
//   port-restricted   each inner address     addresses that were sent to
//   symmetric         each inner address     addresses that were sent to
//                     and each destination
import { type Address, addressText } from '../core/address.ts'
import type { SeededRandom } from './random.ts'

/** The kinds there are. */
export const NAT_KINDS = ['full-cone', 'restricted', 'port-restricted', 'symmetric'] as const
export type NatKind = (typeof NAT_KINDS)[number]

const FIRST_PORT = 20_000
const PORTS = 40_000

/** Mappings of one device; the one that was not used for longest goes for the next. */
const MAPPINGS_MAX = 4096

interface Mapping {
  readonly key: string
  readonly port: number
  readonly inner: Address
  /** Whom it was used to send to. Bounded by the destinations of one socket. */
  readonly hosts: Set<string>
  readonly addresses: Set<string>
  usedAt: number
}

/** One device with one outer address. */
export class Nat {
  readonly kind: NatKind
  readonly outerIp: string
  readonly #random: SeededRandom
  readonly #idleMs: number
  /** By inner address, and destination where it is symmetric; least recently made first. Bounded by MAPPINGS_MAX. */
  readonly #byKey = new Map<string, Mapping>()
  readonly #byPort = new Map<number, Mapping>()

  constructor(options: { kind: NatKind; outerIp: string; idleMs: number }, random: SeededRandom) {
    this.kind = options.kind
    this.outerIp = options.outerIp
    this.#idleMs = options.idleMs
    this.#random = random
  }

  /** What the destination sees as the source. */
  outbound(inner: Address, to: Address, now: number): Address {
    const there = addressText(to)
    const key = this.kind === 'symmetric' ? `${addressText(inner)} ${there}` : addressText(inner)
    const mapping = this.#living(this.#byKey.get(key), now) ?? this.#map(key, inner)
    mapping.usedAt = now
    mapping.hosts.add(to.ip)
    mapping.addresses.add(there)
    return { family: inner.family, ip: this.outerIp, port: mapping.port }
  }

  /** The inner address that a datagram goes on to, or null when it is not let in. */
  inbound(port: number, from: Address, now: number): Address | null {
    const mapping = this.#living(this.#byPort.get(port), now)
    if (mapping === null || !this.#letsIn(mapping, from)) return null
    mapping.usedAt = now
    return mapping.inner
  }

  /** The device starts again: every mapping gets another port when it is used next. How many there were. */
  rebind(): number {
    const { size } = this.#byKey
    this.#byKey.clear()
    this.#byPort.clear()
    return size
  }

  #letsIn(mapping: Mapping, from: Address): boolean {
    switch (this.kind) {
      case 'full-cone':
        return true
      case 'restricted':
        return mapping.hosts.has(from.ip)
      case 'port-restricted':
      case 'symmetric':
        return mapping.addresses.has(addressText(from))
    }
  }

  #living(mapping: Mapping | undefined, now: number): Mapping | null {
    if (mapping === undefined) return null
    if (now - mapping.usedAt <= this.#idleMs) return mapping
    this.#forget(mapping)
    return null
  }

  #map(key: string, inner: Address): Mapping {
    let port = FIRST_PORT + this.#random.below(PORTS)
    while (this.#byPort.has(port)) port = FIRST_PORT + ((port + 1 - FIRST_PORT) % PORTS)
    const mapping = { key, port, inner, hosts: new Set<string>(), addresses: new Set<string>(), usedAt: 0 }
    const [first] = this.#byKey.values()
    if (first !== undefined && this.#byKey.size >= MAPPINGS_MAX) this.#forget(first)
    this.#byKey.set(key, mapping)
    this.#byPort.set(port, mapping)
    return mapping
  }

  #forget(mapping: Mapping): void {
    this.#byKey.delete(mapping.key)
    this.#byPort.delete(mapping.port)
  }
}
