// Whether a chain of X.509 certificates is to be trusted (RFC 5280 section 6, RFC 9525), by node:crypto's X509Certificate: work for a worker. It
// builds one path from the leaf to an authority, each certificate signed by the next. Not looked at is revocation.
import { type KeyObject, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { rootCertificates } from 'node:tls'
import type { ChainClaim, ChainObjection, ChainTrust } from '../core/ports.ts'
import { type CertificateExtension, extensionsOf, keyUsageOf, pathLengthOf } from './der.ts'
import { fitsScheme, verifyBy } from './signature-schemes.ts'

/** What is wrong with what a peer claims by its chain, at this wall time (ms), or null. Never throws. */
export const chainObjection = (claim: ChainClaim, wall: number): ChainObjection | null => {
  const { chain, scheme, trust } = claim
  const [leaf, ...others] = chain.map(parsed)
  if (leaf === undefined || leaf === null) return { fault: 'malformed', detail: 'the certificate cannot be read' }
  const key = publicKeyOf(leaf)
  if (key === null || !fitsScheme(scheme, key)) {
    return { fault: 'wrong-scheme', detail: 'the signature scheme does not go with the key of the certificate' }
  }
  if (!verifyBy(scheme, key, claim)) return { fault: 'bad-signature', detail: 'its holder did not sign this' }
  switch (trust.kind) {
    case 'judged':
      return null
    case 'fingerprints':
      return fingerprintObjection(leaf, trust.fingerprints)
    case 'authorities':
      return pathObjection(leaf, others, { ...claim, trust, wall })
  }
}

/** What a path is judged by. */
interface PathTerms extends Pick<ChainClaim, 'holder'> {
  readonly trust: Extract<ChainTrust, { kind: 'authorities' }>
  readonly wall: number
}

const fingerprintObjection = (leaf: X509Certificate, fingerprints: readonly Uint8Array[]): ChainObjection | null => {
  const found = leaf.fingerprint256.replaceAll(':', '').toLowerCase()
  return fingerprints.some((wanted) => Buffer.from(wanted).toString('hex') === found)
    ? null
    : { fault: 'wrong-fingerprint', detail: `the certificate's SHA-256 is ${found}` }
}

const pathObjection = (
  leaf: X509Certificate,
  others: readonly (X509Certificate | null)[],
  terms: PathTerms,
): ChainObjection | null => {
  const { trust, holder } = terms
  const objection = certificateObjection(leaf, terms) ?? usageObjection(leaf) ?? purposeObjection(leaf, holder)
  if (objection !== null) return objection
  const intermediates = others.filter((certificate) => certificate !== null)
  const path = climb(leaf, intermediates, { ...terms, authorities: authoritiesOf(trust.authorities) })
  if (path !== null) return path
  return trust.name === null || namesHost(leaf, trust.name)
    ? null
    : { fault: 'wrong-name', detail: `the certificate does not name ${trust.name}` }
}

/** From the leaf up, to an authority: null when it gets there. Each step takes an intermediate away, so it ends. */
const climb = (
  leaf: X509Certificate,
  intermediates: readonly X509Certificate[],
  terms: PathTerms & { readonly authorities: readonly X509Certificate[] },
): ChainObjection | null => {
  const { authorities } = terms
  let last: X509Certificate = leaf
  let rest = intermediates
  for (let below = 0; ; below++) {
    const subject = last
    if (authorities.some((authority) => authority.raw.equals(subject.raw))) return null
    if (WEAK.test(subject.signatureAlgorithm ?? '')) {
      return { fault: 'unknown-authority', detail: `signed with ${subject.signatureAlgorithm}, which anybody could` }
    }
    const authority = issuerOf(subject, authorities, { ...terms, below })
    if (authority?.objection === null) return null
    const issuer = issuerOf(subject, rest, { ...terms, below })
    if (issuer?.objection !== null) {
      const unknown = `no authority for ${subject.issuer.replaceAll('\n', ', ')}`
      return (authority ?? issuer)?.objection ?? { fault: 'unknown-authority', detail: unknown }
    }
    rest = rest.filter((candidate) => candidate !== issuer.certificate)
    last = issuer.certificate
  }
}

/** Who issued `subject`, and what is wrong with that; of several with one name and key, as after a renewal, one that is right. */
const issuerOf = (
  subject: X509Certificate,
  candidates: readonly X509Certificate[],
  terms: PathTerms & { readonly below: number },
): { readonly certificate: X509Certificate; readonly objection: ChainObjection | null } | null => {
  const issuers = candidates
    .filter((candidate) => isIssuer(candidate, subject))
    .map((certificate) => ({
      certificate,
      objection: certificateObjection(certificate, terms) ?? issuerObjection(certificate, terms),
    }))
  return issuers.find(({ objection }) => objection === null) ?? issuers[0] ?? null
}

/** Names, key identifiers and key usage agree, and the signature is genuine. */
const isIssuer = (issuer: X509Certificate, subject: X509Certificate): boolean => {
  try {
    return subject.checkIssued(issuer) && subject.verify(issuer.publicKey)
  } catch {
    return false
  }
}

/** SHA-1 and MD5 are broken for this. */
const WEAK = /sha1|md5|md2/i

/** Object identifiers, in hexadecimal. */
const BASIC_CONSTRAINTS = '551d13'
const NAME_CONSTRAINTS = '551d1e'
const KEY_USAGE = '551d0f'

/** digitalSignature, the first bit of keyUsage: what TLS 1.3 asks of a leaf that says what its key is for (RFC 8446 section 4.4.2.2). */
const DIGITAL_SIGNATURE = 0x80

/** Shorter RSA keys are within reach of whoever has a cluster. */
const RSA_BITS_MIN = 2048

/** Critical extensions whose meaning is heeded, here or by OpenSSL: basicConstraints, keyUsage, extKeyUsage, subjectAltName. */
const HEEDED: ReadonlySet<string> = new Set([BASIC_CONSTRAINTS, KEY_USAGE, '551d25', '551d11'])

/** What is wrong with any certificate of a path. */
const certificateObjection = (certificate: X509Certificate, { wall }: PathTerms): ChainObjection | null => {
  const subject = certificate.subject?.replaceAll('\n', ', ') ?? ''
  if (wall < certificate.validFromDate.getTime() || wall > certificate.validToDate.getTime()) {
    return { fault: 'expired', detail: `${subject}: good from ${certificate.validFrom} to ${certificate.validTo}` }
  }
  const extensions = extensionsOf(certificate.raw)
  if (extensions === null) return { fault: 'malformed', detail: `${subject}: extensions that cannot be read` }
  const strange = extensions.find(({ oid, critical }) => critical && !HEEDED.has(oid))
  if (strange !== undefined) return { fault: 'not-for-this', detail: `${subject}: critical extension ${strange.oid}` }
  return null
}

/** What is wrong with one that issued another, with `below` intermediates between it and the leaf. */
const issuerObjection = (
  issuer: X509Certificate,
  { below, holder }: PathTerms & { readonly below: number },
): ChainObjection | null => {
  const subject = issuer.subject?.replaceAll('\n', ', ') ?? ''
  if (!issuer.ca) return { fault: 'not-for-this', detail: `${subject} is no authority` }
  const { modulusLength = RSA_BITS_MIN } = publicKeyOf(issuer)?.asymmetricKeyDetails ?? {}
  if (modulusLength < RSA_BITS_MIN) return { fault: 'not-for-this', detail: `${subject}: an RSA key that is too short` }
  const extensions = extensionsOf(issuer.raw) ?? []
  if (find(extensions, NAME_CONSTRAINTS) !== undefined) {
    return { fault: 'not-for-this', detail: `${subject}: constraints of names, which are not understood` }
  }
  const constraints = find(extensions, BASIC_CONSTRAINTS)
  const length = constraints === undefined ? null : pathLengthOf(constraints.value)
  return length !== null && below > length
    ? { fault: 'not-for-this', detail: `${subject} may not stand so far above` }
    : purposeObjection(issuer, holder)
}

const find = (extensions: readonly CertificateExtension[], oid: string): CertificateExtension | undefined =>
  extensions.find((extension) => extension.oid === oid)

const PURPOSES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const
const ANY_PURPOSE = '2.5.29.37.0'

/** Whether a leaf says that its key is for something else; one that says nothing is for everything. */
const usageObjection = (leaf: X509Certificate): ChainObjection | null => {
  const usage = find(extensionsOf(leaf.raw) ?? [], KEY_USAGE)
  return usage === undefined || (keyUsageOf(usage.value) & DIGITAL_SIGNATURE) !== 0
    ? null
    : { fault: 'not-for-this', detail: 'the key of the certificate is not for signatures' }
}

/**
 * Whether a certificate of a path is for other purposes alone. For an authority that means what it may vouch for: those that are restricted
 * so, to mail for instance, are not held to what those of servers are.
 */
const purposeObjection = (certificate: X509Certificate, holder: 'server' | 'client'): ChainObjection | null => {
  const purposes: readonly string[] | undefined = certificate.keyUsage
  if (purposes === undefined || purposes.includes(PURPOSES[holder]) || purposes.includes(ANY_PURPOSE)) return null
  const subject = certificate.subject?.replaceAll('\n', ', ') ?? ''
  return { fault: 'not-for-this', detail: `${subject} is not for a TLS ${holder}` }
}

/** By subjectAltName alone: a name in the subject counts for nothing (RFC 9525 section 2). */
const namesHost = (leaf: X509Certificate, name: string): boolean =>
  isIP(name) === 0
    ? leaf.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined
    : leaf.checkIP(name) !== undefined

const parsed = (der: Uint8Array): X509Certificate | null => {
  try {
    return new X509Certificate(der)
  } catch {
    return null
  }
}

const publicKeyOf = (certificate: X509Certificate): KeyObject | null => {
  try {
    return certificate.publicKey
  } catch {
    return null
  }
}

let bundled: readonly X509Certificate[] | null = null

/** The authorities of a trust; those of Node.js are parsed once a thread. */
const authoritiesOf = (authorities: readonly Uint8Array[] | null): readonly X509Certificate[] => {
  if (authorities === null) return (bundled ??= rootCertificates.map((pem) => new X509Certificate(pem)))
  return authorities.map(parsed).filter((certificate) => certificate !== null)
}
