// Retry (RFC 9000 sections 8.1.2 and 17.2.5): a server that wants to be sure of an address asks for the first Initial again, with a token
// and under new ids, and remembers nothing. Writing one, and what a client does with one.
import { sameBytes, Writer } from '../bytes.ts'
import type { Crypto } from '../ports.ts'
import { initialKeys, retryIntegrityTag } from './keys.ts'
import { LONG_TYPES, type LongHeader, type RetryHeader, TAG_BYTES, VERSION_1 } from './packet.ts'
import type { Parts } from './parts.ts'
import { settle } from './settlement.ts'
import { TOKEN_BYTES_MAX } from './token-exchange.ts'

/** A Retry in answer to an Initial: its source id is new, drawn by the caller and bound by the token. */
export interface RetryAnswer {
  readonly token: Uint8Array
  readonly retryId: Uint8Array
}

/** Writes a Retry in answer to the Initial with `header` into `into` (62 bytes and the token at most); returns its length. */
export const retry = (
  header: Pick<LongHeader, 'sourceId' | 'destinationId'>,
  { token, retryId }: RetryAnswer,
  into: Uint8Array,
  crypto: Crypto,
): number => {
  const writer = new Writer(into)
  writer.u8(0xc0 | (LONG_TYPES.indexOf('retry') << 4))
  writer.u32(VERSION_1)
  writer.u8(header.sourceId.length)
  writer.put(header.sourceId)
  writer.u8(retryId.length)
  writer.put(retryId)
  writer.put(token)
  writer.put(retryIntegrityTag(crypto, header.destinationId, writer.written()))
  return writer.at
}

/** A datagram that is a Retry, and what it answers if it is for us. */
export interface ArrivedRetry {
  readonly header: RetryHeader
  readonly datagram: Uint8Array
  /** The destination id of our first Initial. */
  readonly originalId: Uint8Array
}

/**
 * Follows a Retry, if it is one: a client's first, before any other packet, genuine by its tag. The ClientHello goes again, with the
 * token, to the Retry's source id and under that id's keys; packet numbers go on (section 17.2.5.3).
 */
export const followRetry = (parts: Parts, arrived: ArrivedRetry, crypto: Crypto, now: number): void => {
  if (!isForUs(parts, arrived, crypto)) return
  const { header } = arrived
  const { remoteIds, lifetime, recovery, spaces, tokens } = parts
  tokens.follow(header)
  remoteIds.setInitial(header.sourceId)
  const keys = initialKeys(crypto, header.sourceId, 'client')
  spaces.initial.setKey('read', keys.read)
  spaces.initial.setKey('write', keys.write)
  settle(parts, 'initial', { acknowledged: [], lost: recovery.onRetry(now) }, now)
  lifetime.onReceived(now)
}

/** The tag is looked at last: it costs the most. */
const isForUs = (parts: Parts, { header, datagram, originalId }: ArrivedRetry, crypto: Crypto): boolean => {
  const { localIds, progress, role, tokens } = parts
  if (role === 'server' || progress.heard || tokens.retryId !== null) return false
  if (!localIds.has(header.destinationId) || sameBytes(header.sourceId, originalId)) return false
  if (header.token.length === 0 || header.token.length > TOKEN_BYTES_MAX) return false
  const expected = retryIntegrityTag(crypto, originalId, datagram.subarray(header.start, header.end - TAG_BYTES))
  return crypto.equal(expected, header.tag)
}
