// Where a node can be dialled, as a person writes it: an address, or a name that stands for one or several:
//   /dns4/node.example.org/udp/9000/quic-v1/p2p/<64 hex digits>    /dns6/…
// Names are for people alone: what peers tell of themselves and of others is read by `parseAddress`, which knows none.
import { formatAddress, parseAddress } from './address.ts'
import type { PeerAddress } from './address.ts'
import { parsePeerId } from './ids.ts'
import type { PeerId } from './ids.ts'
import { parseIp } from './ip.ts'

/** A name of the one family it is to be resolved to, a port, and the peer that must answer there; null takes whoever answers. */
export interface NamedAddress {
  readonly family: 4 | 6
  /** Lower case, without a dot at the end. */
  readonly host: string
  readonly port: number
  readonly peerId: PeerId | null
}

/** Characters of a host name at most (RFC 1035 section 2.3.4), and of one label. */
const HOST_MAX = 253
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const NAMED = /^\/dns([46])\/([^/]{1,253})\/udp\/([1-9][0-9]{0,4})\/quic-v1(?:\/p2p\/([^/]+))?$/

/** Whether a text is a host name in its one spelling: labels of lower-case letters, digits and hyphens, and no IP address. */
export const isHostName = (text: string): boolean => {
  const labels = text.split('.')
  // A last label of digits alone is what some take for part of an IPv4 address.
  return (
    text.length <= HOST_MAX &&
    labels.every((label) => LABEL.test(label)) &&
    !/^[0-9]+$/.test(labels.at(-1) ?? '') &&
    parseIp(text) === null
  )
}

/** The named address a text spells, or null; as of addresses, every other spelling is refused. */
export const parseNamedAddress = (text: string): NamedAddress | null => {
  const [, family, host = '', port, peer] = NAMED.exec(text) ?? []
  const peerId = peer === undefined ? null : parsePeerId(peer)
  if (!isHostName(host) || Number(port) > 65_535 || (peer !== undefined && peerId === null)) return null
  return { family: family === '4' ? 4 : 6, host, port: Number(port), peerId }
}

/** An address or a named one; null for a text that is neither. */
export const parseDialAddress = (text: string): PeerAddress | NamedAddress | null =>
  parseAddress(text) ?? parseNamedAddress(text)

/** The text that `parseDialAddress` reads. */
export const formatDialAddress = (address: PeerAddress | NamedAddress): string =>
  'host' in address
    ? `/dns${address.family}/${address.host}/udp/${address.port}/quic-v1${address.peerId === null ? '' : `/p2p/${address.peerId}`}`
    : formatAddress(address.address, address.peerId)
