// What a ClientHello means for a server: a pure judgement that gives what was agreed, or the alert that RFC 8446 asks for. Negotiated are the
// cipher suite, the group, the certificate types and the application protocol, within the server's terms.
import { ascii, sameBytes } from '../bytes.ts'
import type { Group, Suite } from '../ports.ts'
import { ALERT, malformed, missing, type Refusal, refuse, refused } from './alerts.ts'
import {
  decodeCertificateTypes,
  decodeCodes,
  decodeKeyShares,
  decodeProtocols,
  decodeServerName,
  EXTENSION,
  type Extensions,
  type KeyShareEntry,
  MLDSA65,
  TLS13,
  X509,
} from './extensions.ts'
import type { ClientHello } from './hello.ts'
import type { Credential, Terms } from './terms.ts'

/** What a server takes from an acceptable ClientHello. `share` and `transportParameters` are views of the message. */
export interface ClientOffer {
  readonly suite: Suite
  readonly group: Group
  /** Null: the client could agree to the group, but sent no share of it. */
  readonly share: Uint8Array | null
  readonly alpn: string
  /** What we show the client. */
  readonly credential: Credential
  /** The type of certificate the client is asked for; null: it is not asked. */
  readonly clientType: number | null
  /** Extensions of the two certificate types, which are answered where they were sent. */
  readonly sentTypes: { readonly server: boolean; readonly client: boolean }
  /** The host the client means, if it says so. */
  readonly serverName: string | null
  readonly transportParameters: Uint8Array
}

/** Judges a ClientHello; `alpn` are the server's protocols, best first. */
export const judgeClientHello = (hello: ClientHello, alpn: readonly string[], terms: Terms): ClientOffer | Refusal => {
  const offered = decodeOffered(hello.extensions)
  if (refused(offered)) return offered
  const objection = versionObjection(hello, offered)
  if (objection !== null) return objection
  // The dialler knows the path, and so which suite is the fastest on it.
  const suite = firstOf(hello.suites, terms.suites)
  if (suite === undefined) return refuse(ALERT.handshakeFailure, 'no cipher suite in common')
  const problem = pskObjection(hello.extensions)
  if (problem !== null) return problem
  const authentication = chooseAuthentication(offered, terms)
  if (refused(authentication)) return authentication
  const share = chooseShare(offered, terms)
  if (refused(share)) return share
  const protocol = alpn.find((name) => offered.protocols?.some((other) => sameBytes(other, ascii(name))))
  if (protocol === undefined) return refuse(ALERT.noApplicationProtocol, 'no application protocol in common')
  const transportParameters = hello.extensions.get(EXTENSION.quicTransportParameters)
  if (transportParameters === undefined) return missing('quic_transport_parameters')
  return {
    suite,
    ...share,
    alpn: protocol,
    ...authentication,
    sentTypes: { server: offered.serverTypes !== null, client: offered.clientTypes !== null },
    serverName: offered.serverName,
    transportParameters,
  }
}

/** The extensions of a ClientHello that decide something, null where it has none. */
interface Offered {
  readonly versions: readonly number[] | null
  readonly groups: readonly number[] | null
  readonly schemes: readonly number[] | null
  readonly shares: readonly KeyShareEntry[] | null
  readonly protocols: readonly Uint8Array[] | null
  readonly clientTypes: readonly number[] | null
  readonly serverTypes: readonly number[] | null
  readonly serverName: string | null
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
    serverName: field(EXTENSION.serverName, decodeServerName),
  }
  return bad === null ? offered : malformed(`extension ${String(bad)} of ClientHello`)
}

const versionObjection = (hello: ClientHello, { versions }: Offered): Refusal | null => {
  if (versions?.includes(TLS13) !== true) return refuse(ALERT.protocolVersion, 'the client lacks TLS 1.3')
  if (hello.sessionId.length > 0) return refuse(ALERT.illegalParameter, 'a session id over QUIC')
  if (hello.compressionMethods.length === 1 && hello.compressionMethods[0] === 0) return null
  return refuse(ALERT.illegalParameter, 'compression offered with TLS 1.3')
}

/** Pre-shared keys are not taken up, but their rules hold (RFC 8446 sections 4.2.9 and 4.2.11). */
const pskObjection = (extensions: Extensions): Refusal | null => {
  if (!extensions.has(EXTENSION.preSharedKey)) return null
  if (!extensions.has(EXTENSION.pskKeyExchangeModes)) return missing('psk_key_exchange_modes')
  return [...extensions.keys()].at(-1) === EXTENSION.preSharedKey
    ? null
    : refuse(ALERT.illegalParameter, 'pre_shared_key is not the last extension')
}

/** What we show, and what we ask for. Where a client names no certificate types, it means X.509 (RFC 7250 section 4.2). */
const chooseAuthentication = (
  { schemes, clientTypes, serverTypes }: Offered,
  { credentials, types, client }: Terms,
): Pick<ClientOffer, 'credential' | 'clientType'> | Refusal => {
  if (schemes === null) return missing('signature_algorithms')
  const showable = (serverTypes ?? [X509]).flatMap((type) => credentials.filter((ours) => ours.type === type))
  const credential = showable.find(({ scheme }) => schemes.includes(scheme))
  if (credential === undefined) {
    return showable.length > 0 || !schemes.includes(MLDSA65)
      ? refuse(ALERT.handshakeFailure, 'the client takes no signature of ours')
      : refuse(ALERT.unsupportedCertificate, 'the client takes no certificate of ours')
  }
  if (client === 'not-asked') return { credential, clientType: null }
  const clientType = firstOf(clientTypes ?? [X509], types)
  if (clientType === undefined && client === 'required') {
    return refuse(ALERT.unsupportedCertificate, 'the client shows no certificate that is taken')
  }
  return { credential, clientType: clientType ?? null }
}

const chooseShare = (
  { groups, shares }: Offered,
  terms: Terms,
): { group: Group; share: Uint8Array | null } | Refusal => {
  if (groups === null) return missing('supported_groups')
  if (shares === null) return missing('key_share')
  const named = new Set(shares.map(({ group }) => group))
  if (named.size < shares.length) return refuse(ALERT.illegalParameter, 'two key shares of one group')
  if (shares.some(({ group }) => !groups.includes(group))) {
    return refuse(ALERT.illegalParameter, 'a key share of a group that is not in supported_groups')
  }
  for (const group of terms.groups) {
    const entry = shares.find((share) => share.group === group)
    if (entry !== undefined) return { group, share: entry.share }
  }
  const group = terms.groups.find((ours) => groups.includes(ours))
  return group !== undefined && terms.mayRetry
    ? { group, share: null }
    : refuse(ALERT.handshakeFailure, 'no key share of a group in common')
}

/** The first of theirs that is one of ours, as ours. */
const firstOf = <T extends number>(theirs: readonly number[], ours: readonly T[]): T | undefined =>
  theirs.map((code) => ours.find((own) => own === code)).find((found) => found !== undefined)
