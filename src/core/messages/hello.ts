// HELLO: the first message on each control stream, by which a peer says what it is and where it can be reached.
import type { Address } from '../address.ts'
import type { CborMap } from './cbor.ts'
import { ADDRESSES_MAX } from './codes.ts'
import { addressBytes, fieldMap, Fields, printable } from './fields.ts'

/** A `client` is put into nobody's phonebook. */
export type Capability = 'node' | 'client'

/** What a peer says of itself, and where it sees us. */
export interface Hello {
  readonly version: number
  /** Printable ASCII, at most 256 characters. */
  readonly userAgent: string
  /** 8 random bytes, drawn at process start. */
  readonly incarnation: Uint8Array
  readonly capability: Capability
  /** Where it says it listens; at most 8. */
  readonly addresses: readonly Address[]
  /** Where it sees us; null when it does not say, or in a form we do not know. */
  readonly observed: Address | null
}

const KEY = { kind: 0, version: 1, userAgent: 2, incarnation: 3, capability: 4, addresses: 5, observed: 6 } as const
const NODE = 1
const CLIENT = 0

/** The map of a HELLO; `kind` is its control kind. */
export const helloMap = (kind: number, hello: Hello): CborMap =>
  fieldMap([
    [KEY.kind, kind],
    [KEY.version, hello.version],
    [KEY.userAgent, printable(hello.userAgent)],
    [KEY.incarnation, hello.incarnation],
    [KEY.capability, hello.capability === 'node' ? NODE : CLIENT],
    [KEY.addresses, hello.addresses.slice(0, ADDRESSES_MAX).map(addressBytes)],
    [KEY.observed, hello.observed === null ? null : addressBytes(hello.observed)],
  ])

/** The HELLO of a map, or null when it is malformed. */
export const helloOf = (map: CborMap): Hello | null => {
  const fields = new Fields(map)
  const hello: Hello = {
    version: fields.uint(KEY.version),
    userAgent: fields.text(KEY.userAgent),
    incarnation: fields.bytes(KEY.incarnation, 8),
    // A capability of a later version serves nothing we know: it is a client to us.
    capability: fields.uint(KEY.capability) === NODE ? 'node' : 'client',
    addresses: fields.addresses(KEY.addresses),
    observed: fields.optionalAddress(KEY.observed),
  }
  return fields.failed ? null : hello
}
