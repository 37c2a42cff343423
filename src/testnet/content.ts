// Files of random bytes, and what tells them apart.
import { createHash, randomFillSync } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'

const PIECE_BYTES = 1 << 20

/** Makes a file of random bytes, which must not be there yet, and resolves to its path. */
export const randomFile = async (path: string, bytes: number): Promise<string> => {
  await using file = await open(path, 'wx', 0o600)
  const piece = new Uint8Array(PIECE_BYTES)
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    await file.write(randomFillSync(piece), 0, Math.min(PIECE_BYTES, bytes - at))
  }
  return path
}

/** The SHA-256 of what is on the disk, in hexadecimal digits. */
export const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
