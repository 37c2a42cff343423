// Pre-shared keys of earlier sessions (RFC 8446 sections 4.2.9 and 4.2.11), always with a fresh key exchange (psk_dhe_ke): the extension
// by which a client offers one, the binder that proves it has the key, and NewSessionTicket, by which it got it.
import { type Reader, sameBytes, type Writer } from '../bytes.ts'
import type { Crypto, Suite } from '../ports.ts'
import { AGAINST_QUIC, ALERT, malformed, type Refusal, refuse, refused } from './alerts.ts'
import { type Extensions, readExtensions, writeExtensions } from './extensions.ts'
import { binderOf } from './key-schedule.ts'
import { encodeMessage, MESSAGE } from './messages.ts'
import type { TlsPeer } from './session.ts'
import { HASH_BYTES, SUITES, type SuiteHash } from './suites.ts'
import { decodeWhole, encode, vectorBytes, vectorItems } from './vectors.ts'

/** What a client keeps of a session, to come back without a signature of either end. To be used once. */
export interface ResumableSession {
  readonly ticket: Uint8Array
  readonly secret: Uint8Array
  readonly suite: Suite
  readonly alpn: string
  /** What the age of the ticket is hidden by. */
  readonly ageAdd: number
  /** For how long the server takes it, a day at most. Milliseconds. */
  readonly lifetimeMs: number
  /** Who the server has proven to be. */
  readonly peer: TlsPeer
}

/** The mode of psk_key_exchange_modes that is spoken here. */
const PSK_DHE_KE = 1

/** psk_key_exchange_modes. */
export const PSK_MODES = Uint8Array.of(1, PSK_DHE_KE)

/** Whether a body of psk_key_exchange_modes names ours; null when malformed. */
export const takesPskWithExchange = (body: Uint8Array): boolean | null => {
  const modes = decodeWhole(body, (reader) => vectorItems(reader, 1, (items) => items.u8()))
  return modes === null || modes.length === 0 ? null : modes.includes(PSK_DHE_KE)
}

/** One ticket of a pre_shared_key extension, with its binder; views of the message. */
export interface OfferedKey {
  readonly ticket: Uint8Array
  readonly binder: Uint8Array
}

/** Tickets a client may offer at once; more are malformed. */
const OFFERED_MAX = 16

/** What a pre_shared_key extension of a ClientHello offers; null when malformed. */
export const decodeOfferedKeys = (body: Uint8Array): readonly OfferedKey[] | null =>
  decodeWhole(body, (reader) => {
    const tickets = vectorItems(reader, 2, (items) => {
      const ticket = vectorBytes(items, 2)
      items.u32()
      return ticket
    })
    const binders = vectorItems(reader, 2, (items) => vectorBytes(items, 1))
    const fits =
      tickets.length === binders.length &&
      tickets.length > 0 &&
      tickets.length <= OFFERED_MAX &&
      tickets.every((ticket) => ticket.length > 0) &&
      binders.every((binder) => binder.length >= HASH_BYTES.sha256)
    if (!fits) reader.failed = true
    return tickets.map((ticket, i) => ({ ticket, binder: binders[i] ?? new Uint8Array(0) }))
  })

/** Bytes of the list of one binder, with its lengths, which end a ClientHello. */
const bindersBytes = (hash: SuiteHash): number => 2 + 1 + HASH_BYTES[hash]

/** A pre_shared_key extension of one ticket, whose binder is still zeros. */
export const encodeOfferedKey = ({ ticket, ageAdd, suite }: ResumableSession, ageMs: number): Uint8Array =>
  encode((writer) => {
    writer.vector(2, () => {
      writer.vector(2, () => writer.put(ticket))
      writer.u32((Math.floor(ageMs) + ageAdd) % 2 ** 32)
    })
    writer.vector(2, () => writer.vector(1, () => writer.put(new Uint8Array(HASH_BYTES[SUITES[suite].hash]))))
  })

/** Digests of the transcript so far and a further message. */
export type HashWith = (message: Uint8Array, hash: SuiteHash) => Uint8Array

/** Fills in the binder of a ClientHello that ends in a pre_shared_key extension of this session. */
export const bind = (
  crypto: Crypto,
  hello: Uint8Array,
  { secret, suite }: ResumableSession,
  hashWith: HashWith,
): void => {
  const { hash } = SUITES[suite]
  const truncated = hello.subarray(0, hello.length - bindersBytes(hash))
  const binder = binderOf(crypto, secret, hashWith(truncated, hash))
  hello.set(binder, hello.length - binder.length)
}

/** What is wrong with the binder of an offered key, for a ClientHello with these binders at its end, or null. */
export const binderObjection = (
  crypto: Crypto,
  hello: Uint8Array,
  offered: { readonly all: readonly OfferedKey[]; readonly chosen: OfferedKey; readonly secret: Uint8Array },
  hashWith: HashWith,
): Refusal | null => {
  const { all, chosen, secret } = offered
  const hash = secret.length === HASH_BYTES.sha384 ? 'sha384' : 'sha256'
  const size = all.reduce((sum, { binder }) => sum + 1 + binder.length, 2)
  const wanted = binderOf(crypto, secret, hashWith(hello.subarray(0, hello.length - size), hash))
  return crypto.equal(chosen.binder, wanted) ? null : refuse(ALERT.decryptError, 'a binder that is not genuine')
}

/** A NewSessionTicket. Times in seconds. */
export interface SessionTicket {
  readonly lifetime: number
  readonly ageAdd: number
  readonly nonce: Uint8Array
  readonly ticket: Uint8Array
}

/** The longest lifetime that RFC 8446 allows a ticket, in seconds. */
const LIFETIME_MAX = 604_800

/** A NewSessionTicket without extensions. */
export const encodeSessionTicket = ({ lifetime, ageAdd, nonce, ticket }: SessionTicket): Uint8Array =>
  encodeMessage(MESSAGE.newSessionTicket, (writer: Writer) => {
    writer.u32(lifetime)
    writer.u32(ageAdd)
    writer.vector(1, () => writer.put(nonce))
    writer.vector(2, () => writer.put(ticket))
    writeExtensions(writer, [])
  })

/** The early_data extension: in a ticket, how much of it the server takes, which over QUIC is a constant (RFC 9001 section 4.6.1). */
const EARLY_DATA = 42
const EARLY_DATA_BODY = Uint8Array.of(255, 255, 255, 255)

/** Decodes the body of a NewSessionTicket, whose extensions mean nothing without early data; what is kept is copied. */
export const decodeSessionTicket = (body: Uint8Array): SessionTicket | Refusal => {
  let extensions: Extensions | Refusal = new Map()
  const value = decodeWhole(body, (reader: Reader) => {
    const ticket = {
      lifetime: reader.u32(),
      ageAdd: reader.u32(),
      nonce: vectorBytes(reader, 1).slice(),
      ticket: vectorBytes(reader, 2).slice(),
    }
    extensions = readExtensions(reader)
    return ticket
  })
  if (refused(extensions)) return extensions
  if (value === null || value.ticket.length === 0) return malformed('NewSessionTicket')
  const early = extensions.get(EARLY_DATA)
  if (early !== undefined && !sameBytes(early, EARLY_DATA_BODY)) {
    return refuse(AGAINST_QUIC, 'a ticket for early data of another size than there is')
  }
  return value.lifetime > LIFETIME_MAX ? refuse(ALERT.illegalParameter, 'a ticket for more than a week') : value
}
