// What the core needs of the world, owned by the core and passed in. Every call is synchronous; what is slow is `Work`, an
// output that the driver has done by workers and hands back by id. Times called `now` are monotonic, fractional milliseconds.
import type { PeerId } from './ids.ts'

/** Hash functions by their common names; digests of 32 bytes (sha256, blake3) or 48 (sha384). */
export type HashName = 'sha256' | 'sha384' | 'blake3'

/**
 * TLS 1.3 cipher suites by their code point (RFC 8446 section B.4): TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384 and
 * TLS_CHACHA20_POLY1305_SHA256.
 */
export type Suite = 0x1301 | 0x1302 | 0x1303

/** Key exchange groups by their code point: X25519MLKEM768 (0x11EC) and MLKEM768 (0x0201); X25519 (0x001D) and secp256r1 (0x0017). */
export type Group = 0x11ec | 0x0201 | 0x001d | 0x0017

/**
 * Signature schemes of X.509 certificates' keys by their code point: ecdsa_secp256r1_sha256, ed25519 and rsa_pss_rsae_sha256. Nodes sign by
 * none of these, but by ML-DSA-65.
 */
export type SignatureScheme = 0x0403 | 0x0807 | 0x0804

/** Protects the packets of one direction and key phase; works in place and never throws (RFC 9001 section 5). */
export interface PacketKey {
  /** Encrypts `[start, end)` with `[header, start)` as additional data; the 16-byte tag goes to `[end, end + 16)`. */
  seal(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): void
  /** Decrypts `[start, end)`, whose last 16 bytes are the tag; returns the end of the plaintext, or -1 when it is not genuine. */
  open(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): number
  /** Writes the 5-byte header protection mask of the 16-byte sample at `sample`. */
  mask(buffer: Uint8Array, sample: number, into: Uint8Array): void
  release(): void
}

/** The client's half of a key exchange: its share, and the secret once the server's share is known (null: a bad share). */
export interface KeyShare {
  readonly share: Uint8Array
  agree(peerShare: Uint8Array): Uint8Array | null
}

/** Cryptographic primitives; a bad input from a peer is null, never a throw. */
export interface Crypto {
  hash(name: HashName, data: Uint8Array): Uint8Array
  hmac(name: 'sha256' | 'sha384', key: Uint8Array, data: Uint8Array): Uint8Array
  /** BLAKE3-256 of a raw 1,952-byte ML-DSA-65 public key. */
  peerId(publicKey: Uint8Array): PeerId
  /** The suite that protects packets of internet size fastest here; larger ones go fastest with AES-GCM everywhere. */
  readonly swiftest: Suite
  /**
   * `iv` is 12 bytes; `key` and `headerKey` are 16 bytes for suite 0x1301, 32 for the others. For `headerKey` a packet key of the suite may
   * stand, released or not: the new one masks headers as it does.
   */
  packetKey(suite: Suite, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array | PacketKey): PacketKey
  /** AES-128-GCM tag over `data` with nothing encrypted: the Retry integrity tag (RFC 9001 section 5.8). */
  retryTag(key: Uint8Array, nonce: Uint8Array, data: Uint8Array): Uint8Array
  keyShare(group: Group): KeyShare
  /** The acceptor's half: its share and the secret, or null when the peer's share is bad. */
  encapsulate(group: Group, peerShare: Uint8Array): { share: Uint8Array; secret: Uint8Array } | null
  /** Compares in constant time; arrays of different length are unequal. */
  equal(a: Uint8Array, b: Uint8Array): boolean
}

/** Unpredictable bytes. */
export interface Random {
  fill(into: Uint8Array): void
}

/** A computation too slow for the event loop; `id` is drawn by whoever asks and comes back with the result. */
export type Work = { readonly id: number } &
  /** By ML-DSA-65 where no scheme is named. */
  (
    | { readonly kind: 'sign'; readonly content: Uint8Array; readonly scheme?: SignatureScheme }
    /** Whether the holder of a chain's first certificate signed, and whether the chain is to be trusted. */
    | ({ readonly kind: 'verify-chain' } & ChainClaim)
    | {
        readonly kind: 'verify'
        /** Raw ML-DSA-65 public key, 1,952 bytes. */
        readonly key: Uint8Array
        readonly content: Uint8Array
        readonly signature: Uint8Array
      }
    | { readonly kind: 'seal-chunk'; readonly plaintext: Uint8Array; readonly context: Uint8Array }
    | {
        readonly kind: 'open-chunk'
        readonly stored: Uint8Array
        /** BLAKE3-256 that `stored` must have. */
        readonly address: Uint8Array
        /** BLAKE3-256 that the plaintext must have. */
        readonly contentHash: Uint8Array
        readonly context: Uint8Array
      }
    | { readonly kind: 'hash-chunk'; readonly stored: Uint8Array }
  )

/** What a peer claims by showing a chain of X.509 certificates and signing. */
export interface ChainClaim {
  /** DER, leaf first; at least one. */
  readonly chain: readonly Uint8Array[]
  readonly scheme: SignatureScheme
  readonly content: Uint8Array
  readonly signature: Uint8Array
  /** What the leaf is to be good for. */
  readonly holder: 'server' | 'client'
  readonly trust: ChainTrust
}

/** When a chain of X.509 certificates is enough. */
export type ChainTrust =
  | {
      /** It leads to one of these authorities (DER), or of those that come with Node.js (null), and its leaf names the host, if one is meant. */
      readonly kind: 'authorities'
      readonly authorities: readonly Uint8Array[] | null
      /** A host name or an IP address. */
      readonly name: string | null
    }
  /** The SHA-256 (32 bytes) of its leaf is one of these: whoever signed it, whatever it names, whenever it ends. */
  | { readonly kind: 'fingerprints'; readonly fingerprints: readonly Uint8Array[] }
  /** The application is asked; only that the leaf's holder signed is certain. */
  | { readonly kind: 'judged' }

/** What is wrong with a chain; `detail` is for our own logs. */
export interface ChainObjection {
  readonly fault:
    | 'malformed'
    | 'bad-signature'
    | 'wrong-scheme'
    | 'expired'
    | 'unknown-authority'
    | 'not-for-this'
    | 'wrong-name'
    | 'wrong-fingerprint'
  readonly detail: string
}

/** The result of a `Work` of the same id and kind; `failed` when no worker could do it. */
export type WorkDone = { readonly id: number } & (
  | { readonly kind: 'sign'; readonly signature: Uint8Array }
  | { readonly kind: 'verify'; readonly valid: boolean }
  | { readonly kind: 'verify-chain'; readonly objection: ChainObjection | null }
  | {
      readonly kind: 'seal-chunk'
      readonly stored: Uint8Array
      readonly address: Uint8Array
      readonly contentHash: Uint8Array
    }
  | { readonly kind: 'open-chunk'; readonly plaintext: Uint8Array | null }
  /** `stored` is handed back, so that nobody keeps a copy while it is hashed. */
  | { readonly kind: 'hash-chunk'; readonly address: Uint8Array; readonly stored: Uint8Array }
  /** `full`: too much work waits, and it may be asked for again later. */
  | { readonly kind: 'failed'; readonly reason: string; readonly full?: true }
)
