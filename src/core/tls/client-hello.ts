// The ClientHellos of one dial: the first, and the one that follows a HelloRetryRequest, which differs in what was asked for alone
// (RFC 8446 section 4.1.2).
import type { Crypto, Group, KeyShare } from '../ports.ts'
import {
  encodeCertificateTypes,
  encodeCodes,
  encodeCookie,
  encodeKeyShares,
  encodeProtocols,
  encodeServerName,
  EXTENSION,
  type ExtensionList,
  RAW_PUBLIC_KEY,
  TLS13,
  X509,
} from './extensions.ts'
import { CHAIN_SCHEMES } from './certificate-chain.ts'
import { encodeClientHello } from './hello.ts'
import { bind, encodeOfferedKey, type HashWith, PSK_MODES } from './pre-shared-key.ts'
import { shownTypes } from './server-answer.ts'
import type { Resumption, TlsConfig } from './session.ts'
import type { Terms } from './terms.ts'

/** A key share of ours, and what it takes to agree. */
export interface OwnShare {
  readonly group: Group
  readonly keyShare: KeyShare
}

/** What of a ClientHello is drawn for it. */
export interface HelloDraft {
  /** 32 bytes; the same in both hellos. */
  readonly random: Uint8Array
  readonly shares: readonly OwnShare[]
  /** The cookie of a HelloRetryRequest. */
  readonly cookie: Uint8Array | null
  /** The session to come back with. */
  readonly resume: Resumption | null
}

/** Fresh shares of these groups. */
export const freshShares = (crypto: Crypto, groups: readonly Group[]): readonly OwnShare[] =>
  groups.map((group) => ({ group, keyShare: crypto.keyShare(group) }))

/** A ClientHello message; `hashWith` gives digests of what was said before it. */
export const clientHello = (
  config: TlsConfig,
  terms: Terms,
  { draft, hashWith }: { readonly draft: HelloDraft; readonly hashWith: HashWith },
): Uint8Array => {
  const { random, resume } = draft
  const hello = encodeClientHello({ random, suites: terms.suites, extensions: extensionsOf(config, terms, draft) })
  if (resume !== null) bind(config.crypto, hello, resume.session, hashWith)
  return hello
}

const extensionsOf = (config: TlsConfig, terms: Terms, draft: HelloDraft): ExtensionList => {
  const { shares, cookie, resume } = draft
  const shown = shownTypes(terms)
  return [
    ...(terms.serverName === null ? [] : [[EXTENSION.serverName, encodeServerName(terms.serverName)] as const]),
    [EXTENSION.supportedVersions, encodeCodes([TLS13], 1)],
    [EXTENSION.supportedGroups, encodeCodes(terms.groups, 2)],
    [EXTENSION.signatureAlgorithms, encodeCodes(terms.schemes, 2)],
    ...(terms.types.includes(X509)
      ? [[EXTENSION.signatureAlgorithmsCert, encodeCodes(CHAIN_SCHEMES, 2)] as const]
      : []),
    // Who takes or shows X.509 alone must not say so (RFC 7250 section 4.1).
    ...(terms.types.includes(RAW_PUBLIC_KEY)
      ? [[EXTENSION.serverCertificateType, encodeCertificateTypes(terms.types)] as const]
      : []),
    ...(shown.includes(RAW_PUBLIC_KEY)
      ? [[EXTENSION.clientCertificateType, encodeCertificateTypes(shown)] as const]
      : []),
    [EXTENSION.applicationProtocols, encodeProtocols(config.alpn)],
    [EXTENSION.quicTransportParameters, config.transportParameters],
    ...(cookie === null ? [] : [[EXTENSION.cookie, encodeCookie(cookie)] as const]),
    ...(config.keepsSessions === true || resume !== null ? [[EXTENSION.pskKeyExchangeModes, PSK_MODES] as const] : []),
    [EXTENSION.keyShare, encodeKeyShares(shares.map(({ group, keyShare }) => ({ group, share: keyShare.share })))],
    // It must come last: its binder covers everything before.
    ...(resume === null ? [] : [[EXTENSION.preSharedKey, encodeOfferedKey(resume.session, resume.ageMs)] as const]),
  ]
}
