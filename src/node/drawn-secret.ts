// A secret that nobody gave: drawn, so that nothing made with it is understood after a restart.
import type { Random } from '../core/ports.ts'

/** 32 bytes by chance. */
export const drawnSecret = (random: Random): Uint8Array => {
  const secret = new Uint8Array(32)
  random.fill(secret)
  return secret
}
