// IP addresses as text and as bytes. Canonical text is RFC 5952 for IPv6 and four plain decimals for IPv4; an IPv4-mapped IPv6
// address is the IPv4 address it maps. Zones are not part of an address here.

/** An IP address in canonical text. */
export interface Ip {
  readonly family: 4 | 6
  readonly ip: string
}

const DOT = 0x2e
const DIGIT_0 = 0x30
const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/
/** The longest text an IPv6 address has, with an IPv4 tail: longer ones are not looked at. */
const IP_TEXT_MAX = 45
const GROUPS = 8

/** The address any valid text form names, in canonical text; null for everything else, zones included. */
export const parseIp = (text: string): Ip | null => {
  if (text.length > IP_TEXT_MAX) return null
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text)
  return bytes === null ? null : ipOf(bytes)
}

/** The canonical address of 4 or 16 bytes. */
export const ipOf = (bytes: Uint8Array): Ip => {
  if (bytes.length === 4) return { family: 4, ip: bytes.join('.') }
  return isMapped(bytes) ? { family: 4, ip: bytes.subarray(12).join('.') } : { family: 6, ip: ipv6Text(bytes) }
}

/** The 4 or 16 bytes of an address in canonical text; zeros of the family's length when it is none. */
export const ipBytes = (ip: Ip): Uint8Array =>
  (ip.family === 4 ? parseIpv4(ip.ip) : parseIpv6(ip.ip)) ?? new Uint8Array(ip.family === 4 ? 4 : 16)

/** Digit by digit, because this is on the path of every record and every comparison of networks. */
const parseIpv4 = (text: string): Uint8Array | null => {
  const bytes = new Uint8Array(4)
  let [part, value, digits] = [0, 0, 0]
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT
    if (code === DOT) {
      if (digits === 0 || part > 3) return null
      bytes[part++] = value
      value = digits = 0
      continue
    }
    // A digit behind a leading zero is not decimal but, to some, octal.
    if (code < DIGIT_0 || code > DIGIT_0 + 9 || (digits > 0 && value === 0)) return null
    value = value * 10 + code - DIGIT_0
    if (++digits > 3 || value > 255) return null
  }
  return part === 4 ? bytes : null
}

const parseIpv6 = (text: string): Uint8Array | null => {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const head = groupsOf(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '', true) : []
  if (head === null || tail === null) return null
  const missing = GROUPS - head.length - tail.length
  // "::" stands for at least one group; without it none may be missing.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null
  const bytes = new Uint8Array(16)
  for (const [i, group] of head.entries()) putGroup(bytes, i, group)
  for (const [i, group] of tail.entries()) putGroup(bytes, head.length + missing + i, group)
  return bytes
}

/** The 16-bit groups of one side of "::"; only the last side may end in dotted IPv4. */
const groupsOf = (text: string, last: boolean): number[] | null => {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (HEX_GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16))
      continue
    }
    const dotted = last && i === parts.length - 1 ? parseIpv4(part) : null
    if (dotted === null) return null
    groups.push(word(dotted, 0), word(dotted, 1))
  }
  return groups
}

const putGroup = (bytes: Uint8Array, index: number, group: number): void => {
  bytes[2 * index] = group >> 8
  bytes[2 * index + 1] = group & 0xff
}

const word = (bytes: Uint8Array, index: number): number => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)

const isMapped = (bytes: Uint8Array): boolean =>
  bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0)

const ipv6Text = (bytes: Uint8Array): string => {
  const groups = Array.from({ length: GROUPS }, (_, i) => word(bytes, i))
  const { start, length } = longestZeroRun(groups)
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return length < 2 ? text(0, GROUPS) : `${text(0, start)}::${text(start + length, GROUPS)}`
}

/** The first of the longest runs of zero groups (RFC 5952 section 4.2). */
const longestZeroRun = (groups: readonly number[]): { start: number; length: number } => {
  let best = { start: 0, length: 0 }
  let start = 0
  for (const [i, group] of groups.entries()) {
    if (group !== 0) start = i + 1
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start }
  }
  return best
}
