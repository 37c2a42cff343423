// Huffman-coded strings of header fields (RFC 7541 appendix B, which RFC 9204 keeps). The code is canonical, so its lengths are all there
// is to know; paths and methods are ASCII, and whatever else is in a string makes it null.

/** Lengths of the codes of the characters from space to tilde; 0 for one that no string here has. */
// prettier-ignore
const LENGTHS = [
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 0, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
]
const FIRST = 0x20
/** The one control character with a code this short: it takes a place among those of 13 bits. */
const NUL_BITS = 13
const BITS_MAX = 15

/** Symbols by the length and value of their code, `length << 16 | code`. */
const SYMBOLS = new Map<number, number>()
for (let length = 1, code = 0; length <= BITS_MAX; length++, code <<= 1) {
  if (length === NUL_BITS) SYMBOLS.set((length << 16) | code++, 0)
  LENGTHS.forEach((bits, i) => {
    if (bits === length) SYMBOLS.set((length << 16) | code++, FIRST + i)
  })
}

/** The string, or null when it holds anything but ASCII. */
export const huffmanDecoded = (bytes: Uint8Array): string | null => {
  let text = ''
  let code = 0
  let length = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1)
      if (++length > BITS_MAX) return null
      const symbol = SYMBOLS.get((length << 16) | code)
      if (symbol === undefined) continue
      text += String.fromCharCode(symbol)
      code = length = 0
    }
  }
  // What is left is padding: fewer than eight ones.
  return length < 8 && code === (1 << length) - 1 ? text : null
}
