// Where a datagram comes from or goes to, and how such a place is written down, with or without the peer who is expected there:
//   /ip4/192.0.2.1/udp/9000/quic-v1/p2p/<64 hex digits>    /ip6/2001:db8::1/udp/9000/quic-v1
// Only the canonical text is accepted, so that equal addresses are equal texts.
import type { PeerId } from './ids.ts'
import { parsePeerId } from './ids.ts'
import type { Ip } from './ip.ts'
import { ipBytes, ipOf, parseIp } from './ip.ts'

/** An IP address in canonical text (RFC 5952, no zone; IPv4-mapped IPv6 written as IPv4) and a UDP port. */
export interface Address {
  readonly family: 4 | 6
  readonly ip: string
  readonly port: number
}

/** An address and the peer that must answer there; null takes whoever answers. */
export interface PeerAddress {
  readonly address: Address
  readonly peerId: PeerId | null
}

/** Bytes of an address's text in a message at most; there it is written without `/p2p/` and takes 62 today. */
export const ADDRESS_BYTES_MAX = 128

/** The longest canonical text, an IPv6 address with its peer: 62 and 69. Longer ones are not looked at. */
const TEXT_MAX = 131

/** The text of an address, `192.0.2.1:9000` or `[2001:db8::1]:9000`: a key for maps and a line for logs. */
export const addressText = (address: Address): string =>
  address.family === 4 ? `${address.ip}:${address.port}` : `[${address.ip}]:${address.port}`

/** The address of any valid IP text and a port, made canonical; null when the text or the port (0-65535) is none. */
export const addressOf = (ip: string, port: number): Address | null => {
  const parsed = parseIp(ip)
  if (parsed === null || !Number.isInteger(port) || port < 0 || port > 65_535) return null
  return { ...parsed, port }
}

/** Whether two addresses are the same place. */
export const sameAddress = (a: Address, b: Address): boolean =>
  a.port === b.port && a.ip === b.ip && a.family === b.family

/** Writes `/ip4/…/udp/…/quic-v1`, followed by `/p2p/…` when the peer is known. */
export const formatAddress = (address: Address, peerId: PeerId | null = null): string =>
  `/ip${address.family}/${address.ip}/udp/${address.port}/quic-v1${peerId === null ? '' : `/p2p/${peerId}`}`

/**
 * The address a canonical text names, or null. `listen` also takes port 0, which asks the system for a free one. Names
 * (`/dns4/…`, `/dns6/…`) give null: they are for people, and read by `parseNamedAddress`.
 */
export const parseAddress = (text: string, options: { readonly listen?: boolean } = {}): PeerAddress | null => {
  if (text.length > TEXT_MAX) return null
  const match = ADDRESS.exec(text)
  if (match === null) return null
  const [, family, ip, port, peer] = match
  const address = addressOf(ip ?? '', Number(port))
  if (address === null || (address.port === 0 && options.listen !== true)) return null
  const peerId = peer === undefined ? null : parsePeerId(peer)
  // What is written back must be what was read: this refuses every other spelling of the same address.
  return formatAddress(address, peerId) === text && family === String(address.family) ? { address, peerId } : null
}

const ADDRESS = /^\/ip([46])\/([^/]+)\/udp\/([0-9]{1,5})\/quic-v1(?:\/p2p\/([^/]+))?$/

/** A key for the network an address lies in: its first `bits` bits, such as `192.0.2.0/24`. Ports do not count. */
export const prefix = (address: Ip, bits: number): string => {
  const bytes = ipBytes(address)
  for (const [i, byte] of bytes.entries()) bytes[i] = byte & maskByte(bits - 8 * i)
  // The mapped form of a masked IPv6 address cannot arise: an address of family 6 is none and masking only clears bits.
  return `${ipOf(bytes).ip}/${bits}`
}

const maskByte = (bits: number): number => (bits >= 8 ? 0xff : bits <= 0 ? 0 : (0xff00 >> bits) & 0xff)

/** The network that counts as one neighbourhood: /24 of IPv4, /48 of IPv6. */
export const neighbourhood = (address: Ip): string => prefix(address, address.family === 4 ? 24 : 48)

/** What kind of place an IP address is. `broadcast` includes the reserved 240.0.0.0/4, `private` the shared 100.64.0.0/10. */
export type AddressClass = 'loopback' | 'private' | 'linkLocal' | 'unspecified' | 'multicast' | 'broadcast' | 'public'

/** Classifies an address by the IANA special-purpose registries; documentation networks count as public. */
export const classify = (address: Ip): AddressClass => {
  const bytes = ipBytes(address)
  return address.family === 4 ? classify4(bytes) : classify6(bytes)
}

const classify4 = (bytes: Uint8Array): AddressClass => {
  const [a = 0, b = 0] = bytes
  if (a === 0) return 'unspecified'
  if (a === 127) return 'loopback'
  if (a === 10 || (a === 172 && b >> 4 === 1) || (a === 192 && b === 168)) return 'private'
  if (a === 100 && b >> 6 === 1) return 'private'
  if (a === 169 && b === 254) return 'linkLocal'
  if (a >= 240) return 'broadcast'
  return a >= 224 ? 'multicast' : 'public'
}

const classify6 = (bytes: Uint8Array): AddressClass => {
  const [a = 0, b = 0] = bytes
  if (a === 0xff) return 'multicast'
  if (a === 0xfe && b >> 6 === 2) return 'linkLocal'
  // fc00::/7, and the site-local addresses (fec0::/10) that came before it.
  if (a >> 1 === 0x7e || (a === 0xfe && b >> 6 === 3)) return 'private'
  if (!bytes.subarray(0, 12).every((byte) => byte === 0)) return 'public'
  // Of ::/96 only ::1 is in use; the rest is the abandoned IPv4-compatible form.
  return bytes[15] === 1 && bytes.subarray(12, 15).every((byte) => byte === 0) ? 'loopback' : 'unspecified'
}

/**
 * Whether `address` may be told to, or believed from, a node that we see at `other`: nothing that only makes sense on a nearer
 * network than the one between us, and never an address that nobody can be reached at.
 */
export const mayShare = (address: Address, other: Ip): boolean => {
  if (address.port === 0) return false
  const reach = REACH[classify(address)]
  return reach !== null && reach >= (REACH[classify(other)] ?? REACH.public)
}

/** How far away an address still means the same place: this machine 0, this network 1, everywhere 2; null: nowhere. */
const REACH = {
  unspecified: null,
  multicast: null,
  broadcast: null,
  loopback: 0,
  linkLocal: 1,
  private: 1,
  public: 2,
} as const satisfies Readonly<Record<AddressClass, number | null>>
