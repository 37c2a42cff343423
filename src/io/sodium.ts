// libsodium through the optional package sodium-native: ChaCha20-Poly1305 three times as fast as through node:crypto. Nothing needs it: where
// it is not installed, does not load, or SALLYPORT_SODIUM=off forbids it, node:crypto does the same.

/** The functions of sodium-native that are used here; each throws on an argument of a wrong length. */
export interface Sodium {
  /** Encrypts `message` into `into`, of the same length and perhaps the same memory, and writes the 16-byte tag. */
  crypto_aead_chacha20poly1305_ietf_encrypt_detached(
    into: Uint8Array,
    tag: Uint8Array,
    message: Uint8Array,
    header: Uint8Array,
    none: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): void
  /** Decrypts; throws, with `into` full of zeros, when the tag is not genuine. */
  crypto_aead_chacha20poly1305_ietf_decrypt_detached(
    into: Uint8Array,
    none: null,
    message: Uint8Array,
    tag: Uint8Array,
    header: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): void
  /** XORs `message` with the key stream from block `counter` on. */
  crypto_stream_chacha20_ietf_xor_ic(
    into: Uint8Array,
    message: Uint8Array,
    nonce: Uint8Array,
    counter: number,
    key: Uint8Array,
  ): void
}

/** Named apart from the call, so that the compiler does not look for a package that need not be there. */
const PACKAGE = 'sodium-native'

/** sodium-native, or null where it is not to be had. */
export const loadSodium = async (): Promise<Sodium | null> => {
  if (process.env['SALLYPORT_SODIUM'] === 'off') return null
  try {
    const { default: sodium } = (await import(PACKAGE)) as { readonly default: Sodium }
    return sodium
  } catch {
    return null
  }
}
