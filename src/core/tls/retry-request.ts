// HelloRetryRequest (RFC 8446 section 4.1.4), which the general entry sends and follows: a server that has a group in common with the client,
// but no share of it, asks for one. It sends no cookie, since it keeps the state of the handshake anyway.
import { sameBytes } from '../bytes.ts'
import type { Group, Suite } from '../ports.ts'
import { ALERT, malformed, type Refusal, refuse } from './alerts.ts'
import { decodeKeyShares, encodeCode, EXTENSION, TLS13 } from './extensions.ts'
import { type ClientHello, encodeServerHello, RETRY_RANDOM } from './hello.ts'

/** What a server has asked for, and of which hello. */
export interface Retried {
  readonly suite: Suite
  readonly group: Group
  /** The first ClientHello; its views stay valid, since a handshake's buffer is only ever appended to. */
  readonly first: ClientHello
}

/** A HelloRetryRequest for a share of `group`. */
export const retryRequest = (suite: Suite, group: Group): Uint8Array =>
  encodeServerHello({
    random: RETRY_RANDOM,
    suite,
    extensions: [
      [EXTENSION.supportedVersions, encodeCode(TLS13)],
      [EXTENSION.keyShare, encodeCode(group)],
    ],
  })

/** What may differ between two ClientHellos (section 4.1.2): early_data and padding have no meaning here, and the cookie is nobody's. */
const MAY_CHANGE: ReadonlySet<number> = new Set([EXTENSION.keyShare, EXTENSION.preSharedKey, EXTENSION.cookie, 42, 21])

/** What is wrong with the ClientHello that follows a HelloRetryRequest, or null. */
export const secondHelloObjection = (second: ClientHello, { group, first }: Retried): Refusal | null => {
  const isSame =
    sameBytes(second.random, first.random) &&
    sameBytes(second.sessionId, first.sessionId) &&
    sameBytes(second.compressionMethods, first.compressionMethods) &&
    second.suites.length === first.suites.length &&
    second.suites.every((suite, i) => suite === first.suites[i]) &&
    unchanged(second, first) &&
    unchanged(first, second)
  if (!isSame) return refuse(ALERT.illegalParameter, 'a second ClientHello that says something else')
  const shares = decodeKeyShares(second.extensions.get(EXTENSION.keyShare) ?? new Uint8Array(0))
  if (shares === null) return malformed('key_share')
  return shares.length === 1 && shares[0]?.group === group
    ? null
    : refuse(ALERT.illegalParameter, 'not the one key share that was asked for')
}

/** Whether every extension of one hello is in the other, with the same bytes. */
const unchanged = (one: ClientHello, other: ClientHello): boolean => {
  for (const [type, body] of one.extensions) {
    if (MAY_CHANGE.has(type)) continue
    const same = other.extensions.get(type)
    if (same === undefined || !sameBytes(body, same)) return false
  }
  return true
}
