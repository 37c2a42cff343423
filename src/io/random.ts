// Unpredictable bytes from OpenSSL's generator, a few kilobytes at a time: a call of it costs as much as all the bytes a connection needs.
import { randomFillSync } from 'node:crypto'
import type { Random } from '../core/ports.ts'

/** Bytes drawn ahead; more at once are drawn for themselves. */
const AHEAD_BYTES = 4096

const ahead = new Uint8Array(AHEAD_BYTES)
let at = AHEAD_BYTES

/** Random bytes fit for keys. What was given out is not kept: it could be a key. */
export const systemRandom: Random = Object.freeze({
  fill: (into: Uint8Array) => {
    const { length } = into
    if (length > AHEAD_BYTES) return void randomFillSync(into)
    if (at + length > AHEAD_BYTES) {
      randomFillSync(ahead)
      at = 0
    }
    for (let i = 0; i < length; i++) {
      into[i] = ahead[at + i] ?? 0
      ahead[at + i] = 0
    }
    at += length
  },
})
