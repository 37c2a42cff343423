// The nodes a network is joined through, as they were named: addresses as they are, and names resolved anew at each join, since what a name
// stands for changes. Only names that this node's own user gave are ever resolved; those that peers tell are not even read.
import { classify } from '../core/address.ts'
import type { PeerAddress } from '../core/address.ts'
import { SallyportError } from '../core/errors.ts'
import type { Ip } from '../core/ip.ts'
import type { NamedAddress } from '../core/named-address.ts'
import type { Names } from '../io/ports.ts'

/** A node to join a network through. */
export type Bootstrap = PeerAddress | NamedAddress

/** Names that are resolved for one join; further ones are left out. */
const NAMES_MAX = 32

/** Addresses of one name that are dialled. */
const ADDRESSES_PER_NAME = 4

/**
 * The addresses of all that could be resolved, in order. Rejects, when there is not a single one, with why the first name has none:
 * NAME_NOT_FOUND or NAME_UNRESOLVED.
 */
export const resolveBootstrap = async (
  names: Names,
  bootstrap: readonly Bootstrap[],
): Promise<readonly PeerAddress[]> => {
  let failure: SallyportError | null = null
  let asked = 0
  const found = await Promise.all(
    bootstrap.map(async (node) => {
      if (!('host' in node)) return [node]
      if (++asked > NAMES_MAX) return []
      try {
        return await addressesOf(names, node)
      } catch (error) {
        failure ??= SallyportError.from(error)
        return []
      }
    }),
  )
  const addresses = found.flat()
  if (addresses.length === 0 && failure !== null) throw failure as SallyportError
  return addresses
}

const addressesOf = async (names: Names, { family, host, port, peerId }: NamedAddress): Promise<PeerAddress[]> => {
  const ips = (await names.resolve(host, { family })).filter((ip) => ip.family === family && isDialable(ip))
  if (ips.length === 0)
    throw new SallyportError('NAME_NOT_FOUND', `the name ${host} has no IPv${family} address to dial`)
  return ips.slice(0, ADDRESSES_PER_NAME).map((ip) => ({ address: { ...ip, port }, peerId }))
}

/** A name server may say anything: what is nobody's address is not dialled. */
const isDialable = (ip: Ip): boolean => !['unspecified', 'multicast', 'broadcast'].includes(classify(ip))
