// What we show of ourselves, and the handshakes we take part in: the options of both ends as the core's TLS wants them.
import { SallyportError } from '../core/errors.ts'
import { parseIp } from '../core/ip.ts'
import type { Group, Suite } from '../core/ports.ts'
import type { QuicConfig } from '../core/quic/connection.ts'
import type { OwnCertificate } from '../core/tls/session.ts'
import { readCertificate } from '../io/certificates.ts'
import type { CertificateKey, Identity } from '../io/ports.ts'
import type { QuicOptions } from './options.ts'
import type { Trust } from './peer.ts'

/** An X.509 certificate of ours as it lies in files. */
export interface CertificateFiles {
  /** PEM, our own certificate first, then whatever leads to an authority. */
  readonly chain: string
  /** PEM: P-256, Ed25519, or RSA of 2,048 bits or more. */
  readonly key: string
}

/** Cipher suites by name (RFC 8446 section B.4). */
export const SUITE_CODES = {
  'aes-128-gcm': 0x1301,
  'aes-256-gcm': 0x1302,
  'chacha20-poly1305': 0x1303,
} as const satisfies Record<string, Suite>

/** Key exchange groups by name. */
export const GROUP_CODES = {
  x25519mlkem768: 0x11ec,
  mlkem768: 0x0201,
  x25519: 0x001d,
  secp256r1: 0x0017,
} as const satisfies Record<string, Group>

export type SuiteName = keyof typeof SUITE_CODES
export type GroupName = keyof typeof GROUP_CODES

/** What we can prove to be ours: a raw key, a certificate, both or nothing. */
export interface Credentials {
  readonly identity: Identity | null
  readonly certificate: { readonly certificate: OwnCertificate; readonly key: CertificateKey } | null
}

/** The credentials of both ends' options; throws ARGUMENT_INVALID. */
export const credentialsOf = ({ identity, certificate }: QuicOptions): Credentials => ({
  identity: identity ?? null,
  certificate: certificate === undefined ? null : readCertificate(certificate.chain, certificate.key),
})

/** Which handshakes: the peers they may be with, and whether clients are asked who they are. */
export interface Terms {
  readonly credentials: Credentials
  readonly trust: Trust
  readonly client: 'required' | 'not-asked'
  /** The host that is connected to; null for servers. */
  readonly host: string | null
}

/** The part of a connection's configuration that says so; throws ARGUMENT_INVALID for names that are none. */
export const handshakeOf = (options: QuicOptions, { credentials, trust, client, host }: Terms): Partial<QuicConfig> => {
  const { certificate } = credentials
  const serverName = host === null || parseIp(host) !== null ? {} : { serverName: nameOfHost(host) }
  return {
    exporter: true,
    ...(options.keyLog === undefined ? {} : { keyLog: true }),
    ...(options.suites === undefined ? {} : { suites: codesOf(options.suites, SUITE_CODES, 'suites') }),
    general: {
      ...(options.groups === undefined ? {} : { groups: codesOf(options.groups, GROUP_CODES, 'groups') }),
      ...(certificate === null ? {} : { certificate: certificate.certificate }),
      ...serverName,
      peer: { ...trust.terms, client, isJudged: trust.judge !== null },
    },
  }
}

/** Who is told what happens inside, if anybody is. */
export const insightOf = ({ keyLog, qlog }: QuicOptions): Pick<QuicOptions, 'keyLog' | 'qlog'> => ({
  ...(keyLog === undefined ? {} : { keyLog }),
  ...(qlog === undefined ? {} : { qlog }),
})

/** The name of a code. */
export const nameOf = <Name extends string>(codes: Readonly<Record<Name, number>>, code: number): Name | null =>
  (Object.keys(codes) as Name[]).find((name) => codes[name] === code) ?? null

/** What server_name can say, and certificates do. */
const HOST_NAME = /^[!-~]{1,255}$/

const nameOfHost = (host: string): string => {
  if (HOST_NAME.test(host)) return host
  throw new SallyportError('ARGUMENT_INVALID', '"host" is an IP address or a name of ASCII characters, as in xn--…')
}

const codesOf = <Name extends string, Code extends number>(
  names: readonly Name[],
  codes: Readonly<Record<Name, Code>>,
  option: string,
): readonly Code[] => {
  const known = Object.keys(codes)
  const isList = Array.isArray(names) && names.length > 0 && new Set(names).size === names.length
  if (!isList || !names.every((name) => known.includes(name))) {
    throw new SallyportError('ARGUMENT_INVALID', `"${option}" is a list of ${known.join(', ')}, each at most once`)
  }
  return names.map((name: Name) => codes[name])
}
