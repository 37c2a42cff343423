// Addresses for the tests of the gate.
import { type Address, addressOf } from '../../../src/core/address.ts'
import { Source } from '../../../src/core/gate/source.ts'

export const at = (ip: string, port = 4000): Address => addressOf(ip, port)!

const sources = new Map<string, Source>()

/** The source of an address; the same each time. */
export const source = (ip: string): Source => {
  const known = sources.get(ip) ?? new Source(at(ip))
  sources.set(ip, known)
  return known
}

/** `10.x.y.z`, from the last byte on: numbers below 256 share a network, below 65,536 a region. */
export const ip4 = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`

/** `2001:db8…` with a host (/64) of its own for each number; 65,536 of them share a network (/48). */
export const ip6 = (n: number): string => `2001:db8:${(n >>> 16).toString(16)}:${(n & 0xffff).toString(16)}::1`
