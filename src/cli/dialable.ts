// Where a node can be dialled, as it is told to others: a socket bound to every address of the machine is at each of them, and which
// of them a reader can reach only the reader knows.
import { networkInterfaces } from 'node:os'
import type { NetworkInterfaceInfo } from 'node:os'
import { formatAddress, parseAddress } from '../index.ts'
import type { Address, PeerId } from '../index.ts'

/** Addresses told of one socket at most; a machine with many virtual networks has hundreds. */
const ADDRESSES_MAX = 16

/** This machine's interfaces, as node:os has them. */
export type Interfaces = ReturnType<typeof networkInterfaces>

/** The texts of the addresses that sockets bound to `locals` are at; of this machine's the one for itself comes first. */
export const dialableAddresses = (
  locals: readonly Address[],
  peerId: PeerId,
  interfaces: Interfaces = networkInterfaces(),
): string[] => locals.flatMap((local) => ipsOf(local, interfaces).map((ip) => formatAddress({ ...local, ip }, peerId)))

const ipsOf = ({ family, ip }: Address, interfaces: Interfaces): string[] => {
  if (ip !== '0.0.0.0' && ip !== '::') return [ip]
  const others = Object.values(interfaces)
    .flatMap((each) => each ?? [])
    .filter((each) => each.family === `IPv${family}` && isDialable(each))
    .map(({ address }) => address)
  return [...new Set([family === 4 ? '127.0.0.1' : '::1', ...others])].slice(0, ADDRESSES_MAX)
}

/** An address without a zone, which is what link-local ones need and an address of ours cannot say. */
const isDialable = ({ address, internal, family }: NetworkInterfaceInfo): boolean =>
  !internal &&
  !/^(?:169\.254\.|fe[89ab])/.test(address) &&
  parseAddress(`/ip${family.slice(3)}/${address}/udp/1/quic-v1`) !== null
