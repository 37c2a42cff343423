// X.509 certificates of ours, as they lie in files: PEM in, what a handshake shows and what its workers sign with out.
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { SallyportError } from '../core/errors.ts'
import { CHAIN_BYTES_MAX, CHAIN_CERTIFICATES_MAX } from '../core/tls/certificate-chain.ts'
import type { OwnCertificate } from '../core/tls/session.ts'
import type { CertificateKey } from './ports.ts'
import { schemeOf } from './signature-schemes.ts'

/** A certificate with the key it belongs to. */
export interface KeyedCertificate {
  readonly certificate: OwnCertificate
  readonly key: CertificateKey
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * A PEM chain, leaf first, and its PEM private key: P-256, Ed25519, or RSA of 2,048 bits or more. Throws ARGUMENT_INVALID when they cannot be
 * read or do not belong together.
 */
export const readCertificate = (chainPem: string, keyPem: string): KeyedCertificate => {
  const chain = readCertificates(chainPem)
  const [leaf] = chain
  if (leaf === undefined) throw invalid('there is no certificate in the chain')
  const bytes = chain.reduce((sum, { length }) => sum + length, 0)
  if (chain.length > CHAIN_CERTIFICATES_MAX || bytes > CHAIN_BYTES_MAX) {
    throw invalid('a chain is at most 10 certificates and 16 KiB')
  }
  const key = privateKeyOf(keyPem)
  const scheme = schemeOf(key)
  if (scheme === null) throw invalid('a certificate’s key must be P-256, Ed25519, or RSA of 2,048 bits or more')
  if (!new X509Certificate(leaf).checkPrivateKey(key)) throw invalid('the key is not that of the first certificate')
  const privateKey = Uint8Array.from(key.export({ format: 'der', type: 'pkcs8' }))
  const name = `certificate ${createHash('sha256').update(leaf).digest('hex')}`
  return { certificate: { chain, scheme }, key: Object.freeze({ name, privateKey }) }
}

/** The certificates of a PEM text in order, as DER; throws ARGUMENT_INVALID when one cannot be read. */
export const readCertificates = (pem: string): readonly Uint8Array[] => {
  try {
    return [...pem.matchAll(PEM_BLOCK)].map(([block]) => Uint8Array.from(new X509Certificate(block).raw))
  } catch (cause) {
    throw invalid('a certificate cannot be read', cause)
  }
}

const privateKeyOf = (pem: string): KeyObject => {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw invalid('the private key cannot be read', cause)
  }
}

const invalid = (message: string, cause?: unknown): SallyportError =>
  new SallyportError('ARGUMENT_INVALID', message, cause)
