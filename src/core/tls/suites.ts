// The cipher suites of TLS 1.3 that QUIC may use (RFC 8446 section B.4; RFC 9001 section 5.3 rules AES-CCM-8 out, and nobody offers
// the other CCM one): what each needs to be used.
import type { Suite } from '../ports.ts'

/** Hash functions of cipher suites. */
export type SuiteHash = 'sha256' | 'sha384'

/** What a cipher suite is made of; sizes in bytes. */
export interface SuiteParts {
  /** The hash of its key schedule and transcript. */
  readonly hash: SuiteHash
  /** Of a packet key and of a header protection key. */
  readonly keyBytes: number
}

/** The suites by code point. */
export const SUITES: Readonly<Record<Suite, SuiteParts>> = {
  0x1301: { hash: 'sha256', keyBytes: 16 },
  0x1302: { hash: 'sha384', keyBytes: 32 },
  0x1303: { hash: 'sha256', keyBytes: 32 },
}

/** What nodes speak with each other, where nothing else is asked for: both have the same hash, so that a ticket suits either. */
export const NODE_SUITES: readonly Suite[] = [0x1301, 0x1303]

/** Bytes of a digest of each hash, and so of every secret of its key schedule. */
export const HASH_BYTES: Readonly<Record<SuiteHash, number>> = { sha256: 32, sha384: 48 }

/** The hash whose digest a secret is as long as: in TLS 1.3 every secret of a key schedule is. */
export const hashOf = (secret: Uint8Array): SuiteHash => (secret.length === HASH_BYTES.sha384 ? 'sha384' : 'sha256')
