// What a configuration comes to: what may be offered, accepted and shown. A node's terms are fixed here, and a strict subset of what the
// general entry may negotiate: no classical group, no X.509, no HelloRetryRequest, nobody unauthenticated.
import { assert } from '../assert.ts'
import { ascii } from '../bytes.ts'
import type { ChainTrust, Group, Suite } from '../ports.ts'
import { CERTIFICATE_SCHEMES, encodeChain } from './certificate-chain.ts'
import { MLDSA65, RAW_PUBLIC_KEY, X509 } from './extensions.ts'
import { GENERAL_GROUPS, GENERAL_SHARES, NODE_GROUPS } from './groups.ts'
import { encodeCertificate } from './messages.ts'
import { encodePublicKey, PUBLIC_KEY_BYTES } from './raw-public-key.ts'
import type { GeneralTls, PeerTerms, TlsConfig } from './session.ts'
import { NODE_SUITES, SUITES } from './suites.ts'

/** Something we can prove to be ours. */
export interface Credential {
  /** Its certificate type (RFC 7250): `RAW_PUBLIC_KEY` or `X509`. */
  readonly type: number
  readonly scheme: number
  /** The Certificate message that shows it. */
  readonly message: Uint8Array
}

/** How much a peer may make us hold during a handshake, in bytes. */
export interface HandshakeBounds {
  /** Of all its messages. */
  readonly receivedMax: number
  /** Of the body of one message. */
  readonly messageMax: number
  /** Of the transcript: those messages and ours. */
  readonly transcriptMax: number
  /** Of a ticket that is kept, which the next ClientHello has in it. */
  readonly ticketMax: number
}

/** What a session may negotiate. */
export interface Terms {
  readonly suites: readonly Suite[]
  readonly groups: readonly Group[]
  /** Client only: the groups of its key shares. */
  readonly shares: readonly Group[]
  /** Whether a HelloRetryRequest is sent or followed. */
  readonly mayRetry: boolean
  readonly credentials: readonly Credential[]
  /** Certificate types that are taken from the peer, best first, and the schemes it may sign by. */
  readonly types: readonly number[]
  readonly schemes: readonly number[]
  readonly trust: ChainTrust | null
  readonly client: PeerTerms['client']
  readonly isJudged: boolean
  readonly serverName: string | null
  readonly bounds: HandshakeBounds
}

/** A node's part is 6,900 bytes, and its tickets 125; the rest is room for foreign extensions. */
export const NODE_BOUNDS: HandshakeBounds = {
  receivedMax: 8704,
  messageMax: 8192,
  transcriptMax: 16_384,
  ticketMax: 256,
}

/** Chains of X.509 certificates are up to a few thousand bytes each, and some servers seal them into their tickets. */
export const GENERAL_BOUNDS: HandshakeBounds = {
  receivedMax: 32_768,
  messageMax: 24_576,
  transcriptMax: 65_536,
  ticketMax: 4096,
}

/** Encoded transport parameters we send: realistic ones take 60 to 80 bytes, and the server's first flight has little room. */
export const TRANSPORT_PARAMETERS_BYTES_MAX = 256

/** Names of application protocols we offer, with a length byte each. */
export const ALPN_BYTES_MAX = 240

/** Host names in the DNS are at most this long (RFC 1035 section 2.3.4). */
const SERVER_NAME_BYTES_MAX = 255

/** The terms of a configuration; throws on one that could not be spoken: a mistake of our own. */
export const termsOf = (config: TlsConfig): Terms => {
  checkAnnounced(config)
  return config.general === undefined ? nodeTerms(config) : generalTerms(config, config.general)
}

const nodeTerms = ({ publicKey, suites = NODE_SUITES, group = 0x11ec }: TlsConfig): Terms => {
  assert(publicKey !== null, 'a node has a public key')
  assert(NODE_GROUPS.includes(group), 'a node agrees to post-quantum groups alone')
  return {
    suites,
    groups: NODE_GROUPS,
    shares: [group],
    mayRetry: false,
    credentials: [rawCredential(publicKey)],
    types: [RAW_PUBLIC_KEY],
    schemes: [MLDSA65],
    trust: null,
    client: 'required',
    isJudged: false,
    serverName: null,
    bounds: NODE_BOUNDS,
  }
}

const generalTerms = (config: TlsConfig, general: GeneralTls): Terms => {
  const { publicKey, expectedPeer } = config
  const { groups = GENERAL_GROUPS, certificate, serverName = null, peer } = general
  const shares = config.group === undefined ? (general.shares ?? GENERAL_SHARES) : [config.group]
  const offered = shares.filter((group) => groups.includes(group))
  assert(groups.length > 0 && new Set(groups).size === groups.length, 'each group is named once')
  assert(serverName === null || ascii(serverName).length <= SERVER_NAME_BYTES_MAX, 'a host name is at most 255 bytes')
  const needsJudge = (peer.rawKey && expectedPeer === null) || peer.certificate?.kind === 'judged'
  assert(!needsJudge || peer.isJudged, 'whoever may be anybody is judged by the application')
  return {
    suites: config.suites ?? (Object.keys(SUITES).map(Number) as Suite[]),
    groups,
    shares: offered.length > 0 ? offered : groups.slice(0, 1),
    mayRetry: true,
    credentials: [
      ...(publicKey === null ? [] : [rawCredential(publicKey)]),
      ...(certificate === undefined
        ? []
        : [{ type: X509, scheme: certificate.scheme, message: encodeChain(certificate.chain) }]),
    ],
    types: [...(peer.rawKey ? [RAW_PUBLIC_KEY] : []), ...(peer.certificate === null ? [] : [X509])],
    schemes: [...(peer.rawKey ? [MLDSA65] : []), ...(peer.certificate === null ? [] : CERTIFICATE_SCHEMES)],
    trust: peer.certificate,
    client: peer.client,
    isJudged: peer.isJudged,
    serverName,
    bounds: GENERAL_BOUNDS,
  }
}

/** By public key: a node shows the same two kilobytes in every handshake. They go with the key. */
const RAW_CREDENTIALS = new WeakMap<Uint8Array, Credential>()

const rawCredential = (publicKey: Uint8Array): Credential => {
  const known = RAW_CREDENTIALS.get(publicKey)
  if (known !== undefined) return known
  assert(publicKey.length === PUBLIC_KEY_BYTES, 'our public key is 1,952 bytes')
  const message = encodeCertificate([encodePublicKey(publicKey)])
  const credential = { type: RAW_PUBLIC_KEY, scheme: MLDSA65, message }
  RAW_CREDENTIALS.set(publicKey, credential)
  return credential
}

const checkAnnounced = ({ transportParameters, alpn }: TlsConfig): void => {
  assert(transportParameters.length <= TRANSPORT_PARAMETERS_BYTES_MAX, 'our transport parameters are at most 256 bytes')
  const names = alpn.map((name) => ascii(name))
  const bytes = names.reduce((sum, name) => sum + 1 + name.length, 0)
  assert(names.length > 0 && bytes <= ALPN_BYTES_MAX, 'our application protocols are 1 to 240 bytes')
  assert(
    names.every((name) => name.length > 0),
    'an application protocol has a name',
  )
}
