// An authority of our own for tests: X.509 certificates made to measure, wrong ones too. Written by hand in DER, since Node.js reads
// certificates and makes none.
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A key pair, and the certificate that somebody made of it. */
export interface Certified {
  readonly name: string
  readonly privateKey: KeyObject
  readonly der: Uint8Array
}

export type KeyKind = 'p256' | 'p384' | 'ed25519' | 'rsa' | 'rsa-1024'

/** What a certificate says. */
export interface CertificateRequest {
  readonly name: string
  readonly kind?: KeyKind
  /** Whose key it has; a new one when absent. */
  readonly key?: Certified
  /** Who signs; itself when absent. */
  readonly issuer?: Certified
  /** Names of its subjectAltName: DNS names, or IPv4 addresses. */
  readonly hosts?: readonly string[]
  /** It is an authority, with this many intermediates below at the most, or as many as there are (null). */
  readonly authority?: { readonly pathLength: number | null }
  /** Extended key usages, as object identifiers. */
  readonly purposes?: readonly string[]
  /** The first bits of keyUsage, digitalSignature first. */
  readonly usage?: number
  /** From and to, in ms since 1970; from 2020 to 2120 when absent. */
  readonly valid?: readonly [number, number]
  /** Further extensions: object identifier, critical, value. */
  readonly more?: readonly (readonly [string, boolean, Uint8Array])[]
  /** The digest that is signed; SHA-256 when absent. */
  readonly digest?: 'sha256' | 'sha1'
}

export const SERVER_PURPOSE = '1.3.6.1.5.5.7.3.1'
export const CLIENT_PURPOSE = '1.3.6.1.5.5.7.3.2'

const element = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  const size = body.length < 0x80 ? 0 : body.length < 0x100 ? 1 : 2
  const length = Buffer.alloc(1 + size)
  if (size === 0) length[0] = body.length
  else {
    length[0] = 0x80 + size
    length.writeUIntBE(body.length, 1, size)
  }
  return Buffer.concat([Uint8Array.of(tag), length, body])
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => element(0x30, ...parts)
const text = (tag: number, value: string): Buffer => element(tag, Buffer.from(value, 'latin1'))
const number = (value: number): Buffer => element(0x02, Uint8Array.of(value))
const bits = (value: Uint8Array): Buffer => element(0x03, Uint8Array.of(0), value)
const TRUE = element(0x01, Uint8Array.of(0xff))

const identifier = (dotted: string): Buffer => {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const part of rest) {
    const groups = [part & 0x7f]
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    bytes.push(...groups)
  }
  return element(0x06, Uint8Array.from(bytes))
}

const nameOf = (name: string): Buffer => sequence(element(0x31, sequence(identifier('2.5.4.3'), text(0x0c, name))))

const time = (ms: number): Buffer => {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return text(0x18, digits)
}

const extension = (oid: string, critical: boolean, value: Uint8Array): Buffer =>
  sequence(identifier(oid), ...(critical ? [TRUE] : []), element(0x04, value))

const hostName = (host: string): Buffer =>
  /^[\d.]+$/.test(host) ? element(0x87, Uint8Array.from(host.split('.').map(Number))) : text(0x82, host)

const extensionsOf = ({ hosts, authority, purposes, usage, more = [] }: CertificateRequest): Buffer[] => [
  ...(authority === undefined
    ? []
    : [
        extension(
          '2.5.29.19',
          true,
          sequence(TRUE, ...(authority.pathLength === null ? [] : [number(authority.pathLength)])),
        ),
      ]),
  ...(hosts === undefined ? [] : [extension('2.5.29.17', false, sequence(...hosts.map(hostName)))]),
  ...(purposes === undefined ? [] : [extension('2.5.29.37', false, sequence(...purposes.map(identifier)))]),
  ...(usage === undefined ? [] : [extension('2.5.29.15', true, bits(Uint8Array.of(usage)))]),
  ...more.map(([oid, critical, value]) => extension(oid, critical, value)),
]

const newKey = (kind: KeyKind): KeyObject => {
  switch (kind) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    case 'rsa-1024':
      return generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
  }
}

const algorithmOf = (key: KeyObject, digest: 'sha256' | 'sha1'): Buffer => {
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return sequence(identifier('1.3.101.112'))
    case 'rsa':
      return sequence(identifier(`1.2.840.113549.1.1.${digest === 'sha1' ? 5 : 11}`), element(0x05))
    default:
      return sequence(identifier(digest === 'sha1' ? '1.2.840.10045.4.1' : '1.2.840.10045.4.3.2'))
  }
}

let serial = 0

/** Makes a certificate. */
export const certify = (request: CertificateRequest): Certified => {
  const { name, kind = 'p256', key, issuer, digest = 'sha256' } = request
  const privateKey = key?.privateKey ?? newKey(kind)
  const publicKey = createPublicKey(privateKey)
  const signer = issuer?.privateKey ?? privateKey
  const [from, to] = request.valid ?? [Date.UTC(2020), Date.UTC(2120)]
  const algorithm = algorithmOf(signer, digest)
  const extensions = extensionsOf(request)
  const content = sequence(
    element(0xa0, number(2)),
    number((serial = (serial % 120) + 1)),
    algorithm,
    nameOf(issuer?.name ?? name),
    sequence(time(from), time(to)),
    nameOf(name),
    publicKey.export({ format: 'der', type: 'spki' }),
    ...(extensions.length === 0 ? [] : [element(0xa3, sequence(...extensions))]),
  )
  const signature = sign(signer.asymmetricKeyType === 'ed25519' ? null : digest, content, signer)
  return { name, privateKey, der: Uint8Array.from(sequence(content, algorithm, bits(signature))) }
}

/** PEM of certificates, leaf first. */
export const pemOf = (...chain: readonly Certified[]): string =>
  chain
    .map(({ der }) => {
      const lines =
        Buffer.from(der)
          .toString('base64')
          .match(/.{1,64}/g) ?? []
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
    })
    .join('')

/** PEM of a private key. */
export const keyPemOf = ({ privateKey }: Certified): string => privateKey.export({ format: 'pem', type: 'pkcs8' })
