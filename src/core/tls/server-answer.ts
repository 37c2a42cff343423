// What a server's messages mean for a client: pure judgements of ServerHello, HelloRetryRequest, EncryptedExtensions and
// CertificateRequest, each giving what was agreed or the alert that RFC 8446 asks for.
import { ascii, sameBytes } from '../bytes.ts'
import type { Group, Suite } from '../ports.ts'
import { ALERT, malformed, missing, type Refusal, refuse } from './alerts.ts'
import {
  decodeCertificateType,
  decodeCode,
  decodeCodes,
  decodeCookie,
  decodeKeyShare,
  decodeProtocols,
  EXTENSION,
  type Extensions,
  RAW_PUBLIC_KEY,
  TLS13,
  X509,
} from './extensions.ts'
import { LEGACY_VERSION, RETRY_RANDOM, type ServerHello } from './hello.ts'
import { SUITES } from './suites.ts'
import type { Terms } from './terms.ts'

/** What a client offered in its last ClientHello. */
export interface Offer {
  readonly terms: Terms
  /** The groups it sent shares of. */
  readonly shares: readonly Group[]
  /** A HelloRetryRequest came already, for this suite. */
  readonly retried: Suite | null
  /** The suite of the session it offered to come back with. */
  readonly resumes: Suite | null
}

/** What a ServerHello chose; `share` is a view of the message. */
export interface ServerChoice {
  readonly kind: 'chosen'
  readonly suite: Suite
  readonly group: Group
  readonly share: Uint8Array
  /** The session that was offered is taken up. */
  readonly isResumed: boolean
}

/** What a HelloRetryRequest asks for: a share of another group, its cookie back, or both. `cookie` is a view of the message. */
export interface RetryRequest {
  readonly kind: 'retry'
  readonly suite: Suite
  readonly group: Group | null
  readonly cookie: Uint8Array | null
}

/** Judges a ServerHello, or the HelloRetryRequest that it may be. */
export const judgeServerHello = (hello: ServerHello, offer: Offer): ServerChoice | RetryRequest | Refusal => {
  const { extensions } = hello
  const { terms } = offer
  if (!extensions.has(EXTENSION.supportedVersions)) return refuse(ALERT.protocolVersion, 'the server lacks TLS 1.3')
  const isRetry = sameBytes(hello.random, RETRY_RANDOM)
  if (isRetry && !terms.mayRetry) return refuse(ALERT.handshakeFailure, 'the server asks for another group')
  if (isRetry && offer.retried !== null) return refuse(ALERT.unexpectedMessage, 'a second HelloRetryRequest')
  const objection = isRetry
    ? misplaced(extensions, offer, IN_RETRY_REQUEST, 'HelloRetryRequest')
    : misplaced(extensions, offer, IN_SERVER_HELLO, 'ServerHello')
  const problem = objection ?? serverHelloObjection(hello)
  if (problem !== null) return problem
  const suite = terms.suites.find((offered) => offered === hello.suite)
  if (suite === undefined) return refuse(ALERT.illegalParameter, 'a cipher suite that was not offered')
  if (offer.retried !== null && suite !== offer.retried) {
    return refuse(ALERT.illegalParameter, 'another cipher suite than in the HelloRetryRequest')
  }
  return isRetry ? judgeRetry(extensions, suite, offer) : judgeShare(extensions, suite, offer)
}

/** What a client takes from EncryptedExtensions; `transportParameters` is a view of the message. */
export interface ServerAnswer {
  readonly alpn: string
  /** What the server shows, and what it would take of us. */
  readonly serverType: number
  readonly clientType: number
  readonly transportParameters: Uint8Array
}

/** Judges EncryptedExtensions; `alpn` are the protocols the client offered, `resumes` is the suite of the session that was taken up. */
export const judgeEncryptedExtensions = (
  extensions: Extensions,
  alpn: readonly string[],
  { terms, resumes }: Pick<Offer, 'terms' | 'resumes'>,
): ServerAnswer | Refusal => {
  const objection = misplaced(extensions, { terms, resumes }, IN_ENCRYPTED_EXTENSIONS, 'EncryptedExtensions')
  if (objection !== null) return objection
  // Who comes back shows no certificate, and is shown none.
  const isResumed = resumes !== null
  const serverType = isResumed ? X509 : chosenType(extensions, EXTENSION.serverCertificateType, terms.types)
  if (typeof serverType !== 'number') return serverType
  const clientType = isResumed ? X509 : chosenType(extensions, EXTENSION.clientCertificateType, answerable(terms))
  if (typeof clientType !== 'number') return clientType
  const protocol = chosenProtocol(extensions, alpn)
  if (typeof protocol !== 'string') return protocol
  const transportParameters = extensions.get(EXTENSION.quicTransportParameters)
  if (transportParameters === undefined) return missing('quic_transport_parameters')
  return { alpn: protocol, serverType, clientType, transportParameters }
}

/** The schemes a CertificateRequest takes; unknown extensions are ignored (RFC 8446 section 4.3.2). */
export const judgeCertificateRequest = (extensions: Extensions): readonly number[] | Refusal => {
  for (const type of extensions.keys()) {
    if (!IN_CERTIFICATE_REQUEST.has(type) && KNOWN.has(type)) return misplacedIn(type, 'CertificateRequest')
  }
  const body = extensions.get(EXTENSION.signatureAlgorithms)
  if (body === undefined) return missing('signature_algorithms')
  return decodeCodes(body, 2) ?? malformed('signature_algorithms')
}

/**
 * What the server may say of the client's certificate type. Saying nothing means X.509, or that it does not ask (RFC 7250 section 4.2), which a
 * node's client does not put up with.
 */
const answerable = (terms: Terms): readonly number[] =>
  terms.client === 'required' ? shownTypes(terms) : [...shownTypes(terms), X509]

/** The certificate types a client shows, in the order it says so; whoever has nothing to show says nothing, which means X.509. */
export const shownTypes = ({ credentials }: Terms): readonly number[] =>
  credentials.length === 0 ? [X509] : credentials.map(({ type }) => type)

const KNOWN: ReadonlySet<number> = new Set(Object.values(EXTENSION))

const IN_SERVER_HELLO: ReadonlySet<number> = new Set([
  EXTENSION.supportedVersions,
  EXTENSION.keyShare,
  EXTENSION.preSharedKey,
])

const IN_RETRY_REQUEST: ReadonlySet<number> = new Set([
  EXTENSION.supportedVersions,
  EXTENSION.keyShare,
  EXTENSION.cookie,
])

const IN_CERTIFICATE_REQUEST: ReadonlySet<number> = new Set([
  EXTENSION.signatureAlgorithms,
  EXTENSION.signatureAlgorithmsCert,
])

const IN_ENCRYPTED_EXTENSIONS: ReadonlySet<number> = new Set([
  EXTENSION.serverName,
  EXTENSION.supportedGroups,
  EXTENSION.applicationProtocols,
  EXTENSION.clientCertificateType,
  EXTENSION.serverCertificateType,
  EXTENSION.quicTransportParameters,
])

/** What every ClientHello of ours offers; a server may answer to nothing else (RFC 8446 section 4.2), but send a cookie. */
const OFFERED: ReadonlySet<number> = new Set([
  EXTENSION.supportedVersions,
  EXTENSION.keyShare,
  EXTENSION.supportedGroups,
  EXTENSION.applicationProtocols,
  EXTENSION.quicTransportParameters,
  EXTENSION.signatureAlgorithms,
])

const isOffered = (type: number, { terms, resumes }: Pick<Offer, 'terms' | 'resumes'>): boolean => {
  switch (type) {
    case EXTENSION.preSharedKey:
      return resumes !== null
    case EXTENSION.serverName:
      return terms.serverName !== null
    case EXTENSION.serverCertificateType:
      return terms.types.includes(RAW_PUBLIC_KEY)
    case EXTENSION.clientCertificateType:
      return shownTypes(terms).includes(RAW_PUBLIC_KEY)
    case EXTENSION.cookie:
      return terms.mayRetry
    default:
      return OFFERED.has(type)
  }
}

const judgeShare = (extensions: Extensions, suite: Suite, { shares, resumes }: Offer): ServerChoice | Refusal => {
  const chosen = extensions.get(EXTENSION.preSharedKey)
  const isResumed = chosen !== undefined
  const index = isResumed ? decodeCode(chosen) : 0
  if (index === null) return malformed('pre_shared_key')
  if (index !== 0) return refuse(ALERT.illegalParameter, 'a session that was not offered')
  if (isResumed && (resumes === null || SUITES[resumes].hash !== SUITES[suite].hash)) {
    return refuse(ALERT.illegalParameter, 'a session of another hash')
  }
  const body = extensions.get(EXTENSION.keyShare)
  if (body === undefined) return missing('key_share')
  const entry = decodeKeyShare(body)
  if (entry === null) return malformed('key_share')
  const group = shares.find((offered) => offered === entry.group)
  if (group === undefined) return refuse(ALERT.illegalParameter, 'a group that was not offered')
  return { kind: 'chosen', suite, group, share: entry.share, isResumed }
}

/** A cookie goes into the next ClientHello, which has to leave the transcript room; servers that keep no state need some hundred bytes. */
const COOKIE_BYTES_MAX = 4096

/** RFC 8446 section 4.1.4: it must change something, and ask for a group that we named and sent no share of. */
const judgeRetry = (extensions: Extensions, suite: Suite, { terms, shares }: Offer): RetryRequest | Refusal => {
  const cookieBody = extensions.get(EXTENSION.cookie)
  const cookie = cookieBody === undefined ? null : decodeCookie(cookieBody)
  if (cookieBody !== undefined && cookie === null) return malformed('cookie')
  if (cookie !== null && cookie.length > COOKIE_BYTES_MAX)
    return refuse(ALERT.handshakeFailure, 'a cookie that is too long')
  const shareBody = extensions.get(EXTENSION.keyShare)
  if (shareBody === undefined) {
    return cookie === null
      ? refuse(ALERT.illegalParameter, 'a HelloRetryRequest that asks for nothing')
      : { kind: 'retry', suite, group: null, cookie }
  }
  const code = decodeCode(shareBody)
  if (code === null) return malformed('key_share')
  const group = terms.groups.find((ours) => ours === code)
  if (group === undefined || shares.includes(group)) {
    return refuse(ALERT.illegalParameter, 'a HelloRetryRequest for a group that was not offered, or was sent')
  }
  return { kind: 'retry', suite, group, cookie }
}

const serverHelloObjection = (hello: ServerHello): Refusal | null => {
  const version = decodeCode(hello.extensions.get(EXTENSION.supportedVersions) ?? new Uint8Array(0))
  if (version === null) return malformed('supported_versions')
  if (version !== TLS13 || hello.legacyVersion !== LEGACY_VERSION) {
    return refuse(ALERT.illegalParameter, 'a version that was not offered')
  }
  if (hello.sessionId.length > 0) return refuse(ALERT.illegalParameter, 'a session id that was not sent')
  return hello.compressionMethod === 0 ? null : refuse(ALERT.illegalParameter, 'a compression method')
}

const chosenType = (extensions: Extensions, type: number, offered: readonly number[]): number | Refusal => {
  const body = extensions.get(type)
  if (body === undefined) {
    return offered.includes(X509)
      ? X509
      : refuse(ALERT.unsupportedCertificate, 'the server does not take up raw public keys')
  }
  const chosen = decodeCertificateType(body)
  if (chosen === null) return malformed('certificate type')
  return offered.includes(chosen) ? chosen : refuse(ALERT.illegalParameter, 'a certificate type that was not offered')
}

const chosenProtocol = (extensions: Extensions, alpn: readonly string[]): string | Refusal => {
  const body = extensions.get(EXTENSION.applicationProtocols)
  if (body === undefined) return refuse(ALERT.noApplicationProtocol, 'the server chose no application protocol')
  const [chosen, ...more] = decodeProtocols(body) ?? []
  if (chosen === undefined) return malformed('application protocols')
  const protocol = alpn.find((name) => sameBytes(chosen, ascii(name)))
  if (protocol !== undefined && more.length === 0) return protocol
  return refuse(ALERT.illegalParameter, 'an application protocol that was not offered')
}

/** A type we did not offer is unsupported; one we offered for another message is illegal (RFC 8446 section 4.2). */
const misplaced = (
  extensions: Extensions,
  offer: Pick<Offer, 'terms' | 'resumes'>,
  allowed: ReadonlySet<number>,
  where: string,
): Refusal | null => {
  for (const type of extensions.keys()) {
    if (!isOffered(type, offer)) return refuse(ALERT.unsupportedExtension, `extension ${type} was not offered`)
    if (!allowed.has(type)) return misplacedIn(type, where)
  }
  return null
}

const misplacedIn = (type: number, where: string): Refusal =>
  refuse(ALERT.illegalParameter, `extension ${type} does not belong in ${where}`)
