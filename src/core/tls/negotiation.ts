// What a hello, EncryptedExtensions or CertificateRequest means for us: pure judgements, each giving what was agreed or the alert
// that RFC 8446 asks for. Nothing is negotiated but the cipher suite, the group (X25519MLKEM768, or MLKEM768) and the application protocol.
import { ascii, sameBytes } from '../bytes.ts'
import type { Group, Suite } from '../ports.ts'
import { ALERT, malformed, type Refusal, refuse, refused } from './alerts.ts'
import {
  decodeCertificateType,
  decodeCertificateTypes,
  decodeCode,
  decodeCodes,
  decodeKeyShare,
  decodeKeyShares,
  decodeProtocols,
  EXTENSION,
  type Extensions,
  type KeyShareEntry,
  MLDSA65,
  RAW_PUBLIC_KEY,
  TLS13,
} from './extensions.ts'
import { type ClientHello, LEGACY_VERSION, type ServerHello } from './hello.ts'
import { hexBytes } from './vectors.ts'

/** Groups we agree to, best first. */
export const GROUPS: readonly Group[] = [0x11ec, 0x0201]

/** What a server takes from an acceptable ClientHello. `share` and `transportParameters` are views of the message. */
export interface ClientOffer {
  readonly suite: Suite
  readonly group: Group
  readonly share: Uint8Array
  readonly alpn: string
  readonly transportParameters: Uint8Array
}

/** What a server accepts: its protocols, best first, and its suites, in the order of the client's. */
export interface Acceptable {
  readonly alpn: readonly string[]
  readonly suites: readonly Suite[]
}

/** Judges a ClientHello. */
export const judgeClientHello = (hello: ClientHello, { alpn, suites }: Acceptable): ClientOffer | Refusal => {
  const offered = decodeOffered(hello.extensions)
  if (refused(offered)) return offered
  const objection = versionObjection(hello, offered)
  if (objection !== null) return objection
  // The dialler knows the path, and so which suite is the fastest on it.
  const suite = hello.suites.map((code) => suites.find((ours) => ours === code)).find((found) => found !== undefined)
  if (suite === undefined) return refuse(ALERT.handshakeFailure, 'no cipher suite in common')
  const problem = pskObjection(hello.extensions) ?? authObjection(offered)
  if (problem !== null) return problem
  const share = chooseShare(offered)
  if (refused(share)) return share
  const protocol = alpn.find((name) => offered.protocols?.some((other) => sameBytes(other, ascii(name))))
  if (protocol === undefined) return refuse(ALERT.noApplicationProtocol, 'no application protocol in common')
  const transportParameters = hello.extensions.get(EXTENSION.quicTransportParameters)
  if (transportParameters === undefined) return missing('quic_transport_parameters')
  return { suite, ...share, alpn: protocol, transportParameters }
}

/** What a client offered in its ClientHello. */
export interface Offer {
  readonly suites: readonly Suite[]
  /** The group of its one share. */
  readonly group: Group
}

/** What a ServerHello chose; `share` is a view of the message. */
export interface ServerChoice {
  readonly suite: Suite
  readonly share: Uint8Array
}

/** Judges a ServerHello. */
export const judgeServerHello = (hello: ServerHello, { suites, group }: Offer): ServerChoice | Refusal => {
  const { extensions } = hello
  if (!extensions.has(EXTENSION.supportedVersions)) return refuse(ALERT.protocolVersion, 'the server lacks TLS 1.3')
  if (sameBytes(hello.random, RETRY_RANDOM)) return refuse(ALERT.handshakeFailure, 'the server asks for another group')
  const objection = misplaced(extensions, IN_SERVER_HELLO, 'ServerHello') ?? serverHelloObjection(hello)
  if (objection !== null) return objection
  const body = extensions.get(EXTENSION.keyShare)
  if (body === undefined) return missing('key_share')
  const share = decodeKeyShare(body)
  if (share === null) return malformed('key_share')
  if (share.group !== group) return refuse(ALERT.illegalParameter, 'a group that was not offered')
  const suite = suites.find((offered) => offered === hello.suite)
  if (suite === undefined) return refuse(ALERT.illegalParameter, 'a cipher suite that was not offered')
  return { suite, share: share.share }
}

/** What a client takes from EncryptedExtensions; `transportParameters` is a view of the message. */
export interface ServerAnswer {
  readonly alpn: string
  readonly transportParameters: Uint8Array
}

/** Judges EncryptedExtensions; `alpn` are the protocols the client offered. */
export const judgeEncryptedExtensions = (extensions: Extensions, alpn: readonly string[]): ServerAnswer | Refusal => {
  const objection =
    misplaced(extensions, IN_ENCRYPTED_EXTENSIONS, 'EncryptedExtensions') ??
    certificateTypeObjection(extensions, EXTENSION.serverCertificateType) ??
    certificateTypeObjection(extensions, EXTENSION.clientCertificateType)
  if (objection !== null) return objection
  const protocol = chosenProtocol(extensions, alpn)
  if (typeof protocol !== 'string') return protocol
  const transportParameters = extensions.get(EXTENSION.quicTransportParameters)
  if (transportParameters === undefined) return missing('quic_transport_parameters')
  return { alpn: protocol, transportParameters }
}

/** What is wrong with the extensions of a CertificateRequest, or null; unknown ones are ignored (RFC 8446 section 4.3.2). */
export const certificateRequestObjection = (extensions: Extensions): Refusal | null => {
  for (const type of extensions.keys()) {
    if (type !== EXTENSION.signatureAlgorithms && KNOWN.has(type)) return misplacedIn(type, 'CertificateRequest')
  }
  const body = extensions.get(EXTENSION.signatureAlgorithms)
  if (body === undefined) return missing('signature_algorithms')
  const schemes = decodeCodes(body, 2)
  if (schemes === null) return malformed('signature_algorithms')
  return schemes.includes(MLDSA65) ? null : refuse(ALERT.handshakeFailure, 'the server does not take ML-DSA-65')
}

/** The random value that makes a ServerHello a HelloRetryRequest (RFC 8446 section 4.1.3). */
const RETRY_RANDOM = hexBytes('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c')

const KNOWN: ReadonlySet<number> = new Set(Object.values(EXTENSION))

const IN_SERVER_HELLO: ReadonlySet<number> = new Set([EXTENSION.supportedVersions, EXTENSION.keyShare])

const IN_ENCRYPTED_EXTENSIONS: ReadonlySet<number> = new Set([
  EXTENSION.supportedGroups,
  EXTENSION.applicationProtocols,
  EXTENSION.clientCertificateType,
  EXTENSION.serverCertificateType,
  EXTENSION.quicTransportParameters,
])

/** What our ClientHello offers; a server may answer to nothing else (RFC 8446 section 4.2). */
const OFFERED: ReadonlySet<number> = new Set([
  ...IN_SERVER_HELLO,
  ...IN_ENCRYPTED_EXTENSIONS,
  EXTENSION.signatureAlgorithms,
])

/** The extensions of a ClientHello that decide something, null where it has none. */
interface Offered {
  readonly versions: readonly number[] | null
  readonly groups: readonly number[] | null
  readonly schemes: readonly number[] | null
  readonly shares: readonly KeyShareEntry[] | null
  readonly protocols: readonly Uint8Array[] | null
  readonly clientTypes: readonly number[] | null
  readonly serverTypes: readonly number[] | null
}

const decodeOffered = (extensions: Extensions): Offered | Refusal => {
  let bad: number | null = null
  const field = <T>(type: number, decode: (body: Uint8Array) => T | null): T | null => {
    const body = extensions.get(type)
    if (body === undefined) return null
    const value = decode(body)
    if (value === null) bad = type
    return value
  }
  const offered: Offered = {
    versions: field(EXTENSION.supportedVersions, (body) => decodeCodes(body, 1)),
    groups: field(EXTENSION.supportedGroups, (body) => decodeCodes(body, 2)),
    schemes: field(EXTENSION.signatureAlgorithms, (body) => decodeCodes(body, 2)),
    shares: field(EXTENSION.keyShare, decodeKeyShares),
    protocols: field(EXTENSION.applicationProtocols, decodeProtocols),
    clientTypes: field(EXTENSION.clientCertificateType, decodeCertificateTypes),
    serverTypes: field(EXTENSION.serverCertificateType, decodeCertificateTypes),
  }
  return bad === null ? offered : malformed(`extension ${String(bad)} of ClientHello`)
}

const versionObjection = (hello: ClientHello, { versions }: Offered): Refusal | null => {
  if (versions?.includes(TLS13) !== true) return refuse(ALERT.protocolVersion, 'the client lacks TLS 1.3')
  if (hello.sessionId.length > 0) return refuse(ALERT.illegalParameter, 'a session id over QUIC')
  if (hello.compressionMethods.length !== 1 || hello.compressionMethods[0] !== 0) {
    return refuse(ALERT.illegalParameter, 'compression offered with TLS 1.3')
  }
  return null
}

/** Pre-shared keys are not taken up, but their rules hold (RFC 8446 sections 4.2.9 and 4.2.11). */
const pskObjection = (extensions: Extensions): Refusal | null => {
  if (!extensions.has(EXTENSION.preSharedKey)) return null
  if (!extensions.has(EXTENSION.pskKeyExchangeModes)) return missing('psk_key_exchange_modes')
  return [...extensions.keys()].at(-1) === EXTENSION.preSharedKey
    ? null
    : refuse(ALERT.illegalParameter, 'pre_shared_key is not the last extension')
}

const authObjection = ({ schemes, clientTypes, serverTypes }: Offered): Refusal | null => {
  if (schemes === null) return missing('signature_algorithms')
  if (!schemes.includes(MLDSA65)) return refuse(ALERT.handshakeFailure, 'the client does not take ML-DSA-65')
  if (clientTypes?.includes(RAW_PUBLIC_KEY) === true && serverTypes?.includes(RAW_PUBLIC_KEY) === true) return null
  return refuse(ALERT.unsupportedCertificate, 'the client does not take and show raw public keys')
}

const chooseShare = ({ groups, shares }: Offered): { group: Group; share: Uint8Array } | Refusal => {
  if (groups === null) return missing('supported_groups')
  if (shares === null) return missing('key_share')
  const named = new Set(shares.map(({ group }) => group))
  if (named.size < shares.length) return refuse(ALERT.illegalParameter, 'two key shares of one group')
  if (shares.some(({ group }) => !groups.includes(group))) {
    return refuse(ALERT.illegalParameter, 'a key share of a group that is not in supported_groups')
  }
  for (const group of GROUPS) {
    const entry = shares.find((share) => share.group === group)
    if (entry !== undefined) return { group, share: entry.share }
  }
  return refuse(ALERT.handshakeFailure, 'no key share of a group in common')
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

const certificateTypeObjection = (extensions: Extensions, type: number): Refusal | null => {
  const body = extensions.get(type)
  if (body === undefined) return refuse(ALERT.unsupportedCertificate, 'the server does not take up raw public keys')
  const chosen = decodeCertificateType(body)
  if (chosen === null) return malformed('certificate type')
  return chosen === RAW_PUBLIC_KEY ? null : refuse(ALERT.illegalParameter, 'a certificate type that was not offered')
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
const misplaced = (extensions: Extensions, allowed: ReadonlySet<number>, where: string): Refusal | null => {
  for (const type of extensions.keys()) {
    if (!OFFERED.has(type)) return refuse(ALERT.unsupportedExtension, `extension ${type} was not offered`)
    if (!allowed.has(type)) return misplacedIn(type, where)
  }
  return null
}

const misplacedIn = (type: number, where: string): Refusal =>
  refuse(ALERT.illegalParameter, `extension ${type} does not belong in ${where}`)

const missing = (what: string): Refusal => refuse(ALERT.missingExtension, `${what} is missing`)
