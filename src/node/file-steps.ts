// Steps with files that chunks and transfers share.
import type { FileHandle, Files } from '../io/ports.ts'

/** Up to `size` bytes from `position`, in memory of their own; fewer only where the file ends. */
export const readFully = async (
  file: FileHandle,
  { position, size }: { readonly position: number; readonly size: number },
): Promise<Uint8Array> => {
  const bytes = new Uint8Array(size)
  let filled = 0
  while (filled < size) {
    const read = await file.read(bytes.subarray(filled), position + filled)
    if (read === 0) return bytes.slice(0, filled)
    filled += read
  }
  return bytes
}

/** Removes a file on the way out of a failure, which is what is reported; a removal that fails is tried once more. */
export const removeQuietly = async (files: Files, path: string): Promise<void> => {
  try {
    await files.remove(path)
  } catch {
    await files.remove(path).catch(() => {})
  }
}
