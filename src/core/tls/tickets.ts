// Session tickets of an acceptor (RFC 8446 section 4.6.1): what it would have to remember of a client, sealed and given to the client to keep.
//
//   epoch (4) ‖ nonce (12) ‖ AES-256-GCM( version ‖ issuedAt ‖ signedAt ‖ PeerId ‖ suite ‖ ALPN ‖ secret ) ‖ tag (16)
//
// The keys are drawn by this process and go with it; each seals for 12 h and opens for as long as its tickets are good. A look costs one
// decryption at the most, and none where the epoch is nobody's.
import { assert } from '../assert.ts'
import { ascii, concat, fromHex, Reader, toHex, Writer } from '../bytes.ts'
import { type PeerId, parsePeerId } from '../ids.ts'
import type { Crypto, Random, Suite } from '../ports.ts'
import { SUITES } from './suites.ts'
import { vectorBytes } from './vectors.ts'

/** A ticket is good for so long. Milliseconds. */
export const TICKET_MS = 24 * 3_600_000

/** So long after the last signature no ticket helps any more, however often it was issued again. Milliseconds. */
export const SIGNATURE_MS = 7 * 24 * 3_600_000

/** A key seals for so long; with the two before it everything that is still good can be opened. Milliseconds. */
const EPOCH_MS = 12 * 3_600_000
const KEYS_MAX = 1 + TICKET_MS / EPOCH_MS

const VERSION = 1
const EPOCH_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const TIME_BYTES = 6
const PEER_ID_BYTES = 32
const SEAL: Suite = 0x1302
const NO_HEADER_KEY = new Uint8Array(KEY_BYTES)

/** What a ticket says. */
export interface Ticket {
  /** Who it was given to; null: whoever has it, of whom nothing was asked. */
  readonly peerId: PeerId | null
  readonly suite: Suite
  readonly alpn: string
  /** The pre-shared key. */
  readonly secret: Uint8Array
  /** When the client proved by a signature who it is: wall time in ms. */
  readonly signedAt: number
}

/** The tickets of one process and one identity: nobody else can read them. Its memory is three keys. */
export class Tickets {
  readonly #crypto: Crypto
  readonly #random: Random
  /** By epoch, oldest first. Bounded by KEYS_MAX. */
  readonly #keys = new Map<number, Uint8Array>()

  constructor(ports: { readonly crypto: Crypto; readonly random: Random }) {
    this.#crypto = ports.crypto
    this.#random = ports.random
  }

  /** A ticket, issued at this wall time (ms); no two are alike. */
  seal(ticket: Ticket, wall: number): Uint8Array {
    const epoch = Math.floor(wall / EPOCH_MS)
    const head = new Writer()
    head.uint(epoch, EPOCH_BYTES)
    head.put(this.#fresh(NONCE_BYTES))
    const start = head.at
    const sealed = concat(head.written(), encodeTicket(ticket, wall), new Uint8Array(TAG_BYTES))
    const key = this.#keyOf(this.#keys.get(epoch) ?? this.#draw(epoch), sealed)
    key.seal(sealed, 0, start, sealed.length - TAG_BYTES, 0)
    key.release()
    return sealed
  }

  /** What a ticket says, or null: not one of ours, changed, or too old at this wall time. */
  open(bytes: Uint8Array, wall: number): Ticket | null {
    const start = EPOCH_BYTES + NONCE_BYTES
    const secret = this.#keys.get(new Reader(bytes).uint(EPOCH_BYTES))
    if (secret === undefined || bytes.length < start + TAG_BYTES) return null
    const opened = Uint8Array.from(bytes)
    const key = this.#keyOf(secret, opened)
    const end = key.open(opened, 0, start, opened.length, 0)
    key.release()
    return end < 0 ? null : decodeTicket(opened.subarray(start, end), wall)
  }

  /** The key for one ticket, by the nonce it begins with. */
  #keyOf(secret: Uint8Array, ticket: Uint8Array): ReturnType<Crypto['packetKey']> {
    const nonce = ticket.subarray(EPOCH_BYTES, EPOCH_BYTES + NONCE_BYTES)
    return this.#crypto.packetKey(SEAL, secret, nonce, NO_HEADER_KEY)
  }

  #draw(epoch: number): Uint8Array {
    const key = this.#fresh(KEY_BYTES)
    this.#keys.set(epoch, key)
    for (const [old, secret] of this.#keys) {
      if (this.#keys.size <= KEYS_MAX) break
      secret.fill(0)
      this.#keys.delete(old)
    }
    return key
  }

  #fresh(bytes: number): Uint8Array {
    const into = new Uint8Array(bytes)
    this.#random.fill(into)
    return into
  }
}

const encodeTicket = ({ peerId, suite, alpn, secret, signedAt }: Ticket, wall: number): Uint8Array => {
  assert(wall >= 0 && signedAt >= 0, 'wall time counts from 1970')
  const writer = new Writer()
  writer.u8(VERSION)
  writer.uint(Math.floor(wall), TIME_BYTES)
  writer.uint(Math.floor(signedAt), TIME_BYTES)
  writer.vector(1, () => writer.put(peerId === null ? new Uint8Array(0) : (fromHex(peerId) ?? new Uint8Array(0))))
  writer.u16(suite)
  writer.vector(1, () => writer.put(ascii(alpn)))
  writer.vector(1, () => writer.put(secret))
  return writer.written()
}

const decodeTicket = (bytes: Uint8Array, wall: number): Ticket | null => {
  const reader = new Reader(bytes)
  const version = reader.u8()
  const issuedAt = reader.uint(TIME_BYTES)
  const signedAt = reader.uint(TIME_BYTES)
  const holder = vectorBytes(reader, 1)
  const code = reader.u16()
  const alpn = String.fromCharCode(...vectorBytes(reader, 1))
  const secret = vectorBytes(reader, 1).slice()
  if (reader.failed || reader.remaining > 0 || version !== VERSION) return null
  const age = wall - issuedAt
  if (age < 0 || age > TICKET_MS || wall - signedAt > SIGNATURE_MS) return null
  const suite = ([0x1301, 0x1302, 0x1303] as const).find((known) => known === code)
  const peerId = holder.length === 0 ? null : parsePeerId(toHex(holder))
  if (suite === undefined || (holder.length !== PEER_ID_BYTES && holder.length > 0)) return null
  assert(SUITES[suite].hash === (secret.length === 48 ? 'sha384' : 'sha256'), 'a ticket of ours fits its suite')
  return { peerId, suite, alpn, secret, signedAt }
}
