// Datagrams that mean nothing: random bytes, and headers that are in order in front of random bytes, which cost whoever has to find out.
import type { Random } from '../core/ports.ts'

const BYTES_MAX = 1400
const FIRST_DATAGRAM_BYTES = 1200
const ID_BYTES = 8
/** Kind, time, an id with its length, and a MAC. */
const RETRY_TOKEN_BYTES = 1 + 6 + 1 + ID_BYTES + 16
const TOKEN_AT = 8 + 2 * ID_BYTES

type Shape = (random: Random) => Uint8Array

/** One such datagram; the shapes take turns by `n`. */
export const garbage = (random: Random, n: number): Uint8Array => {
  const shape = SHAPES[n % SHAPES.length] ?? noise
  return shape(random)
}

/** Random bytes of any length. */
const noise: Shape = (random) => {
  const [high = 0, low = 0] = bytes(random, 2)
  return bytes(random, 1 + ((high * 256 + low) % BYTES_MAX))
}

/** An Initial that no key opens, with a token of so many random bytes. */
const initial =
  (tokenBytes: number): Shape =>
  (random) => {
    const datagram = long(random, 0xc0, 1)
    const at = 7 + 2 * ID_BYTES
    datagram[at] = tokenBytes
    const rest = FIRST_DATAGRAM_BYTES - (at + 1 + tokenBytes) - 2
    datagram.set([0x40 | (rest >> 8), rest & 0xff], at + 1 + tokenBytes)
    return datagram
  }

/** An Initial with what looks like a Retry token made just now, which costs its reader a MAC (core/quic/tokens.ts). */
const forgedToken: Shape = (random) => {
  const datagram = initial(RETRY_TOKEN_BYTES)(random)
  const head = new DataView(datagram.buffer, TOKEN_AT, 8)
  head.setUint8(0, 1)
  head.setUint16(1, Math.floor(Date.now() / 2 ** 32))
  head.setUint32(3, Date.now() % 2 ** 32)
  head.setUint8(7, ID_BYTES)
  return datagram
}

/** A long header of this first byte and version. */
const long = (random: Random, first: number, version: number): Uint8Array => {
  const datagram = bytes(random, FIRST_DATAGRAM_BYTES)
  datagram.set([first | ((datagram[0] ?? 0) & 0x0f), 0, 0, 0, version, ID_BYTES])
  datagram[6 + ID_BYTES] = ID_BYTES
  return datagram
}

/** A short header with an id nobody gave. */
const short: Shape = (random) => {
  const datagram = noise(random)
  datagram[0] = 0x40 | ((datagram[0] ?? 0) & 0x3f)
  return datagram
}

const SHAPES: readonly Shape[] = [
  noise,
  initial(0),
  short,
  forgedToken,
  (random) => long(random, 0xe0, 1),
  (random) => initial(0)(random).subarray(0, FIRST_DATAGRAM_BYTES - 1),
  (random) => long(random, 0xc0, 0x5a),
]

const bytes = (random: Random, length: number): Uint8Array => {
  const made = new Uint8Array(length)
  random.fill(made)
  return made
}
