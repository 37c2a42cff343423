// Where a datagram says it comes from, and the networks around that place:
//
//            host   site   network   region
//   IPv4     /32    /24    /24       /16        what one machine, one household, one customer, one provider can hold
//   IPv6     /64    /56    /48       /32
//
// Keys are short texts that are equal exactly when the prefixes are.
import { toHex } from '../bytes.ts'
import { type Ip, ipBytes } from '../ip.ts'

/** A kind of prefix, narrowest first. */
export const LEVELS = ['host', 'site', 'network', 'region'] as const
export type Level = (typeof LEVELS)[number]

/** How many bytes of an address a prefix of each level has. */
const BYTES: Readonly<Record<4 | 6, Readonly<Record<Level, number>>>> = {
  4: { host: 4, site: 3, network: 3, region: 2 },
  6: { host: 8, site: 7, network: 6, region: 4 },
}

/** The prefixes of one address. Keys are made when they are asked for: most datagrams of a flood need none. */
export class Source {
  readonly family: 4 | 6
  /** The whole address, 4 or 16 bytes. */
  readonly bytes: Uint8Array
  #path: readonly [string, string, string] | null = null

  constructor(ip: Ip) {
    this.family = ip.family
    this.bytes = ipBytes(ip)
  }

  /** The bytes of a prefix. */
  prefix(level: Level): Uint8Array {
    return this.bytes.subarray(0, BYTES[this.family][level])
  }

  /** A text for the prefix of a level; no two prefixes of one level share one. */
  key(level: Level): string {
    return `${this.family}${toHex(this.prefix(level))}`
  }

  /** Keys of region, network and host: the way down a tree of populations. */
  get path(): readonly [string, string, string] {
    this.#path ??= [this.key('region'), this.key('network'), this.key('host')]
    return this.#path
  }

  /** Whether it is 127.0.0.0/8 or ::1. */
  get loopback(): boolean {
    const { bytes } = this
    if (this.family === 4) return bytes[0] === 127
    return bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0)
  }
}
