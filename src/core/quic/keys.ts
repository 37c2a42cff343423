// Packet keys (RFC 9001 section 5): from a secret to what protects packets, and the Initial secrets that anyone can compute.
import type { Crypto, PacketKey, Suite } from '../ports.ts'
import { expandLabel, extract } from '../tls/key-schedule.ts'
import { SUITES } from '../tls/suites.ts'

/** RFC 9001 section 5.2. */
const INITIAL_SALT = Uint8Array.of(
  0x38,
  0x76,
  0x2c,
  0xf7,
  0xf5,
  0x59,
  0x34,
  0xb3,
  0x4d,
  0x17,
  0x9a,
  0xe6,
  0xa4,
  0xc8,
  0x0c,
  0xad,
  0xcc,
  0xbb,
  0x7f,
  0x0a,
)

/** RFC 9001 section 5.8: the key and nonce of the Retry integrity tag are constants. */
const RETRY_KEY = Uint8Array.of(
  0xbe,
  0x0c,
  0x69,
  0x0b,
  0x9f,
  0x66,
  0x57,
  0x5a,
  0x1d,
  0x76,
  0x6b,
  0x54,
  0xe3,
  0x68,
  0xc8,
  0x4e,
)
const RETRY_NONCE = Uint8Array.of(0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb)

/** Initial packets are always protected with this suite. */
const INITIAL_SUITE: Suite = 0x1301

/** How often the keys of a suite may be used (RFC 9001 section 6.6), in packets. */
export interface AeadLimits {
  /** Packets that one key may protect; none that a connection can number for ChaCha20-Poly1305. */
  readonly protectedMax: number
  /** Packets that may fail to open under all keys of a connection. */
  readonly rejectedMax: number
}

const AES_GCM_LIMITS: AeadLimits = { protectedMax: 2 ** 23, rejectedMax: 2 ** 52 }

/** The limits by suite. */
export const AEAD_LIMITS: Readonly<Record<Suite, AeadLimits>> = {
  0x1301: AES_GCM_LIMITS,
  0x1302: AES_GCM_LIMITS,
  0x1303: { protectedMax: Infinity, rejectedMax: 2 ** 36 },
}

/** The packet key of a traffic secret (RFC 9001 section 5.1). */
export const packetKeyOf = (crypto: Crypto, suite: Suite, secret: Uint8Array): PacketKey =>
  packetKeyWith(crypto, suite, { secret, headerKey: headerKeyOf(crypto, suite, secret) })

/**
 * The packet key of a secret that came by a key update; header protection goes on as with the key before, whichever it was (RFC 9001
 * section 6).
 */
export const laterPacketKey = (crypto: Crypto, suite: Suite, secret: Uint8Array, before: PacketKey): PacketKey =>
  packetKeyWith(crypto, suite, { secret, headerKey: before })

const packetKeyWith = (
  crypto: Crypto,
  suite: Suite,
  { secret, headerKey }: { readonly secret: Uint8Array; readonly headerKey: Uint8Array | PacketKey },
): PacketKey =>
  crypto.packetKey(
    suite,
    expandLabel(crypto, secret, 'quic key', SUITES[suite].keyBytes),
    expandLabel(crypto, secret, 'quic iv', 12),
    headerKey,
  )

/** The header protection key of a traffic secret. */
const headerKeyOf = (crypto: Crypto, suite: Suite, secret: Uint8Array): Uint8Array =>
  expandLabel(crypto, secret, 'quic hp', SUITES[suite].keyBytes)

/** The traffic secret after a key update (RFC 9001 section 6.1). */
export const nextSecret = (crypto: Crypto, _suite: Suite, secret: Uint8Array): Uint8Array =>
  expandLabel(crypto, secret, 'quic ku', secret.length)

/** The Initial secrets of both directions, from the destination id of the client's first Initial. */
export const initialSecrets = (
  crypto: Crypto,
  destinationId: Uint8Array,
): { client: Uint8Array; server: Uint8Array } => {
  const secret = extract(crypto, INITIAL_SALT, destinationId)
  return {
    client: expandLabel(crypto, secret, 'client in', 32),
    server: expandLabel(crypto, secret, 'server in', 32),
  }
}

/** The Initial keys of one end. */
export const initialKeys = (
  crypto: Crypto,
  destinationId: Uint8Array,
  role: 'client' | 'server',
): { read: PacketKey; write: PacketKey } => {
  const secrets = initialSecrets(crypto, destinationId)
  const client = packetKeyOf(crypto, INITIAL_SUITE, secrets.client)
  const server = packetKeyOf(crypto, INITIAL_SUITE, secrets.server)
  return role === 'client' ? { read: server, write: client } : { read: client, write: server }
}

/** The integrity tag of a Retry packet without its tag, in answer to an Initial sent to `originalDestinationId`. */
export const retryIntegrityTag = (
  crypto: Crypto,
  originalDestinationId: Uint8Array,
  packet: Uint8Array,
): Uint8Array => {
  const pseudo = new Uint8Array(1 + originalDestinationId.length + packet.length)
  pseudo[0] = originalDestinationId.length
  pseudo.set(originalDestinationId, 1)
  pseudo.set(packet, 1 + originalDestinationId.length)
  return crypto.retryTag(RETRY_KEY, RETRY_NONCE, pseudo)
}
