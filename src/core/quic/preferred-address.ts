// The address at which a server would rather be spoken to (RFC 9000 section 9.6): what the transport parameter says, and whether a client
// goes there. It may be anybody's, so that a client goes nowhere that only makes sense nearer than the server is, and only after a challenge
// was answered from there.
import { type Address, mayShare } from '../address.ts'
import { Reader, Writer } from '../bytes.ts'
import { ipBytes, ipOf } from '../ip.ts'
import { CONNECTION_ID_BYTES_MAX } from './packet.ts'
import { RESET_TOKEN_BYTES } from './stateless-reset.ts'

/** An address of each family, or null; and the connection id to go there with, whose sequence number is 1 (section 5.1.1). */
export interface PreferredAddress {
  readonly ip4: Address | null
  readonly ip6: Address | null
  readonly id: Uint8Array
  readonly resetToken: Uint8Array
}

/** The addresses alone: what a server is told of itself. */
export type PreferredPlaces = Pick<PreferredAddress, 'ip4' | 'ip6'>

const IP_BYTES = { 4: 4, 6: 16 } as const

/** Reads the value of the parameter (section 18.2); null where it is none: an id of a preferred address is never empty. */
export const readPreferred = (value: Uint8Array): PreferredAddress | null => {
  const reader = new Reader(value)
  const ip4 = readPlace(reader, 4)
  const ip6 = readPlace(reader, 6)
  const length = reader.u8()
  const id = reader.take(length)
  const resetToken = reader.take(RESET_TOKEN_BYTES)
  if (reader.failed || reader.remaining > 0 || length < 1 || length > CONNECTION_ID_BYTES_MAX) return null
  return { ip4, ip6, id: id.slice(), resetToken: resetToken.slice() }
}

/** The value of the parameter. */
export const writePreferred = ({ ip4, ip6, id, resetToken }: PreferredAddress): Uint8Array => {
  const writer = new Writer()
  writePlace(writer, ip4, 4)
  writePlace(writer, ip6, 6)
  writer.u8(id.length)
  writer.put(id)
  writer.put(resetToken)
  return writer.written()
}

/** Where a client goes whose server is at `remote`: to an address of the same family, since it has a socket of that; or null. */
export const preferredFor = (remote: Address, { ip4, ip6 }: PreferredPlaces): Address | null => {
  const place = remote.family === 4 ? ip4 : ip6
  return place !== null && mayShare(place, remote) ? place : null
}

/** All zeros stand for none; so does an IPv4 address where one of IPv6 belongs. */
const readPlace = (reader: Reader, family: 4 | 6): Address | null => {
  const bytes = reader.take(IP_BYTES[family])
  const port = reader.u16()
  if (reader.failed || (port === 0 && bytes.every((byte) => byte === 0))) return null
  const ip = ipOf(bytes)
  return ip.family === family ? { ...ip, port } : null
}

const writePlace = (writer: Writer, place: Address | null, family: 4 | 6): void => {
  writer.put(place === null ? new Uint8Array(IP_BYTES[family]) : ipBytes(place))
  writer.u16(place?.port ?? 0)
}
