// Prefixes by hand: who is never let in, and, where anyone is named, who alone is. Data, never a function: the accept path calls nobody.
import { toHex } from '../bytes.ts'
import { type Ip, ipBytes, parseIp } from '../ip.ts'

/** A prefix of an address family; `bytes` has no bit set beyond `bits`. */
interface Prefix {
  readonly family: 4 | 6
  readonly bytes: Uint8Array
  readonly bits: number
}

/** The prefix that `192.0.2.0/24`, `2001:db8::/32` or a single address names; null for anything else, or with bits behind the prefix. */
export const parsePrefix = (text: string): Prefix | null => {
  const [address = '', length, ...rest] = text.split('/')
  const ip = parseIp(address)
  if (ip === null || rest.length > 0) return null
  const bytes = ipBytes(ip)
  if (length !== undefined && !/^(?:0|[1-9][0-9]{0,2})$/.test(length)) return null
  const bits = length === undefined ? 8 * bytes.length : Number(length)
  // An IPv4-mapped text is an IPv4 address, whose prefixes are counted as such.
  if (bits > 8 * bytes.length) return null
  return toHex(cut(bytes, bits)) === toHex(bytes) ? { family: ip.family, bytes, bits } : null
}

/** A set of prefixes. A look costs one step for each length that occurs: 162 at most, however many there are. */
export class PrefixSet {
  readonly #keys = new Set<string>()
  readonly #lengths: Readonly<Record<4 | 6, Set<number>>> = { 4: new Set(), 6: new Set() }

  /** Texts that are no prefixes are not in it: options are checked before. */
  constructor(texts: readonly string[]) {
    for (const text of texts) {
      const prefix = parsePrefix(text)
      if (prefix === null) continue
      this.#lengths[prefix.family].add(prefix.bits)
      this.#keys.add(keyOf(prefix.family, prefix.bytes, prefix.bits))
    }
  }

  get empty(): boolean {
    return this.#keys.size === 0
  }

  /** Whether an address of 4 or 16 bytes lies in one of them. */
  has(family: Ip['family'], bytes: Uint8Array): boolean {
    for (const bits of this.#lengths[family]) if (this.#keys.has(keyOf(family, cut(bytes, bits), bits))) return true
    return false
  }
}

const keyOf = (family: 4 | 6, bytes: Uint8Array, bits: number): string => `${family}/${bits}/${toHex(bytes)}`

/** The bytes with every bit behind the first `bits` cleared. */
const cut = (bytes: Uint8Array, bits: number): Uint8Array =>
  bytes.map((byte, i) => {
    const kept = Math.min(8, Math.max(0, bits - 8 * i))
    return byte & (0xff00 >> kept) & 0xff
  })
