// Stateless reset (RFC 9000 section 10.3): how a server that has lost a connection, as by a restart, tells its peer so. The token of a
// connection id follows from the id and a secret that outlives the process; the peer learns it while the connection is there, and
// nobody else can say it.
import type { Crypto, Random } from '../ports.ts'

/** A stateless reset token. */
export const RESET_TOKEN_BYTES = 16

/** Nothing shorter is a stateless reset: 5 bytes that look like a short header's, and the token (section 10.3). */
const RESET_BYTES_MIN = 21

/** A reset in answer to a longer datagram has at least this length, and up to 15 bytes more, so that it looks like any other packet. */
const RESET_BYTES_USUAL = 43

/** The token of one of our connection ids; `secret` is the node's, 32 bytes. */
export const resetToken = (crypto: Crypto, secret: Uint8Array, connectionId: Uint8Array): Uint8Array =>
  crypto.hmac('sha256', secret, connectionId).slice(0, RESET_TOKEN_BYTES)

/** What is needed to answer datagrams of connections that are no more. */
export interface ResetPorts {
  readonly crypto: Crypto
  readonly random: Random
  readonly secret: Uint8Array
}

/**
 * Writes a stateless reset in answer to a datagram with a short header and returns its length: shorter than its trigger, so that two
 * ends without state fall silent (section 10.3.3); 0 where that leaves too little. How often, the caller limits.
 */
export const statelessReset = (
  trigger: { readonly bytes: number; readonly destinationId: Uint8Array },
  into: Uint8Array,
  { crypto, random, secret }: ResetPorts,
): number => {
  if (trigger.bytes <= RESET_BYTES_MIN) return 0
  const noise = into.subarray(0, RESET_BYTES_USUAL + 15)
  random.fill(noise)
  const first = noise[0] ?? 0
  const length = Math.min(trigger.bytes - 1, RESET_BYTES_USUAL + (first & 0x0f))
  into[0] = (first & 0x3f) | 0x40
  into.set(resetToken(crypto, secret, trigger.destinationId), length - RESET_TOKEN_BYTES)
  return length
}

/** Whether a datagram ends in the token of the id that we send to (section 10.3.1); in constant time. */
export const isStatelessReset = (datagram: Uint8Array, token: Uint8Array | null, crypto: Crypto): boolean =>
  token !== null &&
  datagram.length >= RESET_BYTES_MIN &&
  crypto.equal(datagram.subarray(datagram.length - RESET_TOKEN_BYTES), token)
