// Unpredictable bytes from OpenSSL's generator.
import { randomFillSync } from 'node:crypto'
import type { Random } from '../core/ports.ts'

/** Random bytes fit for keys. */
export const systemRandom: Random = Object.freeze({
  fill: (into: Uint8Array) => {
    randomFillSync(into)
  },
})
