// Reading a message's fields out of a decoded map. A field of the wrong type or out of its bounds makes the whole message malformed:
// `failed` says so once, at the end. Keys nobody asks for are ignored, which is how later versions add fields.
import type { Address } from '../address.ts'
import { formatAddress, parseAddress, ADDRESS_BYTES_MAX } from '../address.ts'
import { ascii } from '../bytes.ts'
import type { CborMap, CborValue } from './cbor.ts'
import { ADDRESSES_MAX } from './codes.ts'

/** The longest text of a reason or a user agent, in bytes. */
export const TEXT_MAX = 256

const PRINTABLE = /^[\x20-\x7e]*$/

/** Reads fields by key; a missing or bad required field gives an empty value and sets `failed`. */
export class Fields {
  readonly #map: CborMap
  failed = false

  constructor(map: CborMap) {
    this.#map = map
  }

  uint(key: number, max = Number.MAX_SAFE_INTEGER): number {
    return this.optionalUint(key, max) ?? this.#fail(0)
  }

  optionalUint(key: number, max = Number.MAX_SAFE_INTEGER): number | null {
    const value = this.#map.get(key)
    if (value === undefined) return null
    return typeof value === 'number' && value <= max ? value : this.#fail(null)
  }

  bytes(key: number, length: number): Uint8Array {
    return this.optionalBytes(key, length) ?? this.#fail(new Uint8Array(length))
  }

  /** A byte string of exactly `length` bytes, or null when the key is absent. */
  optionalBytes(key: number, length: number): Uint8Array | null {
    const value = this.#map.get(key)
    if (value === undefined) return null
    return value instanceof Uint8Array && value.length === length ? value : this.#fail(null)
  }

  text(key: number): string {
    return this.optionalText(key) ?? this.#fail('')
  }

  /** Printable ASCII of at most TEXT_MAX characters, so that what a stranger sent can stand in a log. */
  optionalText(key: number): string | null {
    const value = this.#map.get(key)
    if (value === undefined) return null
    return typeof value === 'string' && value.length <= TEXT_MAX && PRINTABLE.test(value) ? value : this.#fail(null)
  }

  /** Up to ADDRESSES_MAX addresses; well-formed entries that name no address we know the form of are left out. */
  addresses(key: number): readonly Address[] {
    const value = this.#map.get(key)
    if (!Array.isArray(value) || value.length > ADDRESSES_MAX) return this.#fail([])
    const addresses: Address[] = []
    for (const entry of value as readonly CborValue[]) {
      const address = this.#address(entry)
      if (address !== null) addresses.push(address)
    }
    return addresses
  }

  optionalAddress(key: number): Address | null {
    const value = this.#map.get(key)
    return value === undefined ? null : this.#address(value)
  }

  /** Up to `max` maps, each as fields of its own. */
  list(key: number, max: number): readonly Fields[] {
    const value = this.#map.get(key)
    if (!Array.isArray(value) || value.length > max) return this.#fail([])
    const entries = value as readonly CborValue[]
    const fields: Fields[] = []
    for (const entry of entries) {
      if (!(entry instanceof Map)) return this.#fail([])
      fields.push(new Fields(entry as CborMap))
    }
    return fields
  }

  #address(value: CborValue): Address | null {
    if (!(value instanceof Uint8Array) || value.length > ADDRESS_BYTES_MAX) return this.#fail(null)
    const parsed = parseAddress(String.fromCharCode(...value))
    // Within a message it is clear whose addresses they are: one that names a peer is none of ours.
    return parsed === null || parsed.peerId !== null ? null : parsed.address
  }

  #fail<T>(value: T): T {
    this.failed = true
    return value
  }
}

/** An address as it is sent: the bytes of its text, without a peer. */
export const addressBytes = (address: Address): Uint8Array => ascii(formatAddress(address))

/** A text cut and cleaned to what may be sent. */
export const printable = (text: string): string => text.slice(0, TEXT_MAX).replaceAll(/[^\x20-\x7e]/g, '?')

/** A map of the fields that have a value: absent ones are given as null and left out. */
export const fieldMap = (fields: readonly (readonly [number, CborValue])[]): CborMap =>
  new Map(fields.filter(([, value]) => value !== null))
