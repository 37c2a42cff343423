// Which paths may be in a directory that is put or got: those that every file system keeps as they are and that lead nowhere else. The
// same rule holds at both ends, so what was put can be got anywhere; whoever gets does not rely on whoever put.

/** Bytes of one name at most, and of a path: what common file systems take. */
const NAME_BYTES_MAX = 255
export const PATH_BYTES_MAX = 4096

/** Names that are devices on Windows, whatever follows behind a dot. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/iu

/** Separators, and what some system takes to be something else than a part of a name. */
const FORBIDDEN = '\\:*?"<>|'
/** What stands for bytes that are no UTF-8, once they were made a text. */
const REPLACEMENT = 0xfffd

const isForbidden = (character: string): boolean => {
  const code = character.charCodeAt(0)
  // Both sets of control characters: some terminals obey the second one too.
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === REPLACEMENT || FORBIDDEN.includes(character)
}

/** What is wrong with a path, names with `/` between, relative to its directory; null when nothing is. */
export const pathObjection = (path: string): string | null => {
  const bytes = utf8(path)
  if (bytes === null) return 'is no text in UTF-8'
  if (bytes.length > PATH_BYTES_MAX) return 'is too long'
  for (const name of path.split('/')) {
    const objection = nameObjection(name)
    if (objection !== null) return objection
  }
  return null
}

const nameObjection = (name: string): string | null => {
  // An empty name is what an absolute path begins with, and what two separators in a row make.
  if (name === '' || name === '.' || name === '..') return 'leads out of its directory or is not in its plain form'
  if (name.split('').some(isForbidden)) return 'has a character that not every system takes in a name'
  if (/[. ]$/.test(name)) return 'has a name that ends with a dot or a space'
  if (DEVICE.test(name)) return 'has a name that is a device on some systems'
  return (utf8(name)?.length ?? Infinity) > NAME_BYTES_MAX ? 'has a name that is too long' : null
}

/** What two paths have in common when some file system takes them for one: case and the composition of letters do not count. */
export const foldedPath = (path: string): string => path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')

/** The directory a path is in; null when it is the one they all are in. */
export const parentOf = (path: string): string | null => {
  const at = path.lastIndexOf('/')
  return at < 0 ? null : path.slice(0, at)
}

/** The UTF-8 bytes of a text; null for one with half a surrogate pair, which has none. */
export const utf8 = (text: string): Uint8Array | null => {
  try {
    const escaped = encodeURIComponent(text)
    const bytes: number[] = []
    for (let at = 0; at < escaped.length; at++) {
      const isEscape = escaped[at] === '%'
      bytes.push(isEscape ? Number.parseInt(escaped.slice(at + 1, at + 3), 16) : escaped.charCodeAt(at))
      if (isEscape) at += 2
    }
    return Uint8Array.from(bytes)
  } catch {
    return null
  }
}

/** The text of UTF-8 bytes; null when they are none. */
export const textOf = (bytes: Uint8Array): string | null => {
  let escaped = ''
  for (const byte of bytes) escaped += `%${byte.toString(16).padStart(2, '0')}`
  try {
    return decodeURIComponent(escaped)
  } catch {
    return null
  }
}
