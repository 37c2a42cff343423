// A codec to be fuzzed: valid bytes, and what must hold for any.
export interface Codec {
  readonly name: string
  readonly samples: readonly Uint8Array[]
  /** Throws where decoding throws, or what decodes does not encode again to the same; says what the bytes were taken for. */
  check(bytes: Uint8Array): string
}
