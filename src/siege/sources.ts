// Where the two sides of a siege come from: loopback addresses that are each in a /24 of their own, and as far as they go in a /16 of
// their own, so that a gate that treats loopback as the outside sees as many networks. Attackers and honest clients share none.
import type { Address } from '../core/address.ts'

/** Without prefixes everybody comes from one address. */
export type Spread = 'one-address' | 'prefixes'

/** Prefixes an attack can come from. */
export const PREFIXES_MAX = 1024

const ATTACKERS = { first: 16, regions: 200 } as const
const HONEST = { first: 220, regions: 34 } as const

/** An address of the attacker's prefix of this number, from 0. */
export const attackerIp = (prefix: number): string => ipOf(ATTACKERS, prefix)

/** An address of a prefix that no attacker has; after 8,704 of them the first comes again. */
export const honestIp = (client: number): string => ipOf(HONEST, client)

/** The local address of a client before its socket is bound; with one address, the family's loopback address. */
export const localOf = (target: Address, spread: Spread, ip: string): Address => {
  if (spread === 'prefixes') return { family: 4, ip, port: 0 }
  return { family: target.family, ip: target.family === 4 ? '127.0.0.1' : '::1', port: 0 }
}

const ipOf = ({ first, regions }: { readonly first: number; readonly regions: number }, n: number): string =>
  `127.${first + (n % regions)}.${Math.floor(n / regions) % 256}.1`
