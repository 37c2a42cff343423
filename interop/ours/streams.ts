// Web streams, all at once.

/** All that a stream gives, to its end. */
export const allOf = async (readable: ReadableStream<Uint8Array>): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of readable) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Reads a stream to its end, whatever it gives and however it ends. */
export const drain = async (readable: AsyncIterable<unknown>): Promise<void> => {
  try {
    for await (const _ of readable) continue
  } catch {
    // It ended with its connection.
  }
}

/** Writes all and the end; resolves when the peer has it. */
export const sendAll = async (writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> => {
  const writer = writable.getWriter()
  if (bytes.length > 0) await writer.write(bytes)
  await writer.close()
}
