// What every peer answers with: the bytes 0 to 250, again and again.
const PERIOD = 251

/** So many bytes of it. */
export const pattern = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = i % PERIOD
  return bytes
}
