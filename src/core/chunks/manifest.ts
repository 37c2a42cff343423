// A directory is put as one file: four bytes that say how long the manifest is, the manifest, and behind it the contents of the files in the
// order it lists them. The manifest is the CBOR map { 1 version, 2 mode, 3 [[mode, path] for a directory, [mode, path, size] for a file …] }
// in its one deterministic form, paths as UTF-8 in byte order, each behind its directory. A stranger's manifest is refused whole unless every
// path is portable, listed once, and still one of a kind where case does not count.
import { Reader, Writer, concat } from '../bytes.ts'
import { ARRAY, BYTES, MAP, UNSIGNED, readHead, readNumbers, writeBytes, writeHead, writeNumbers } from './heads.ts'
import { PATH_BYTES_MAX, foldedPath, parentOf, pathObjection, textOf, utf8 } from './portable-path.ts'

/** Something in a directory; modes are permission bits, 0 to 0o777. */
export interface ManifestEntry {
  /** Names with `/` between, relative to the directory. */
  readonly path: string
  readonly mode: number
  /** Bytes of a file; null for a directory. */
  readonly size: number | null
}

/** A directory: its own mode and all that is in it, in byte order of the paths. */
export interface Manifest {
  readonly mode: number
  /** Bounded by MANIFEST_ENTRIES_MAX. */
  readonly entries: readonly ManifestEntry[]
}

/** Files and directories in one directory at most. */
export const MANIFEST_ENTRIES_MAX = 100_000

/** Bytes of a manifest at most: it is held in memory. */
export const MANIFEST_BYTES_MAX = 16 * 1024 * 1024

/** Bytes before the manifest. */
export const MANIFEST_LENGTH_BYTES = 4

const VERSION = 1
const MODE_MAX = 0o777
const ENTRY_FRAME_BYTES = 1 + 3 + 3 + 9

/** The length and the manifest, as they stand before the contents; null when there are too many entries or bytes. */
export const encodeManifest = ({ mode, entries }: Manifest): Uint8Array | null => {
  if (entries.length > MANIFEST_ENTRIES_MAX) return null
  const paths = entries.map(({ path }) => utf8(path) ?? new Uint8Array(0))
  const bytes = paths.reduce((sum, path) => sum + path.length + ENTRY_FRAME_BYTES, 32)
  const writer = new Writer(new Uint8Array(bytes))
  writeHead(writer, MAP, 3)
  writeNumbers(writer, 1, VERSION, 2, mode, 3)
  writeHead(writer, ARRAY, entries.length)
  for (const [i, { mode, size }] of entries.entries()) {
    writeHead(writer, ARRAY, size === null ? 2 : 3)
    writeNumbers(writer, mode)
    writeBytes(writer, paths[i] ?? new Uint8Array(0))
    if (size !== null) writeNumbers(writer, size)
  }
  const manifest = writer.written()
  if (manifest.length > MANIFEST_BYTES_MAX) return null
  const length = new Writer(new Uint8Array(MANIFEST_LENGTH_BYTES))
  length.u32(manifest.length)
  return concat(length.written(), manifest)
}

/** What a manifest says, or why it is refused: it is none, or would not stay within a directory of its own. Never throws. */
export const decodeManifest = (
  bytes: Uint8Array,
): Manifest | { readonly refused: 'malformed' | 'unsafe'; readonly reason: string } => {
  const reader = new Reader(bytes)
  const mode = readHead(reader, MAP) === 3 && readNumbers(reader, 1, VERSION, 2) ? readHead(reader, UNSIGNED) : -1
  if (mode < 0 || mode > MODE_MAX || !readNumbers(reader, 3)) return MALFORMED
  const count = readHead(reader, ARRAY)
  if (count < 0 || count > MANIFEST_ENTRIES_MAX) return MALFORMED
  const entries: ManifestEntry[] = []
  for (let i = 0; i < count; i++) {
    const entry = readEntry(reader)
    if (entry === null) return MALFORMED
    entries.push(entry)
  }
  if (reader.failed || reader.remaining > 0) return MALFORMED
  const reason = objectionTo(entries)
  return reason === null ? { mode, entries } : { refused: 'unsafe', reason }
}

const MALFORMED = { refused: 'malformed', reason: 'it is no manifest of a directory' } as const

const readEntry = (reader: Reader): ManifestEntry | null => {
  const fields = readHead(reader, ARRAY)
  if (fields !== 2 && fields !== 3) return null
  const mode = readHead(reader, UNSIGNED)
  const length = readHead(reader, BYTES)
  if (mode < 0 || mode > MODE_MAX || length < 0 || length > PATH_BYTES_MAX) return null
  const path = textOf(reader.take(length))
  const size = fields === 2 ? null : readHead(reader, UNSIGNED)
  return path === null || reader.failed || size === -1 ? null : { path, mode, size }
}

/** What is wrong with entries as a whole, or with one of them; null when they may be made one after another in an empty directory. */
export const objectionTo = (entries: readonly ManifestEntry[]): string | null => {
  const directories = new Set<string | null>([null])
  const folded = new Set<string>()
  let before: string | null = null
  for (const { path, size } of entries) {
    const objection = pathObjection(path)
    if (objection !== null) return `${shown(path)} ${objection}`
    if (before !== null && comparePaths(before, path) >= 0) return `${shown(path)} is listed twice or out of order`
    if (!directories.has(parentOf(path))) return `${shown(path)} is in no directory that was listed`
    if (folded.has(foldedPath(path))) return `${shown(path)} is the same as another where case does not count`
    if (size === null) directories.add(path)
    folded.add(foldedPath(path))
    before = path
  }
  return null
}

/** The order of paths: of their UTF-8 bytes, which is that of their code points. */
export const comparePaths = (a: string, b: string): number => {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()]
  for (;;) {
    const [x, y] = [left.next(), right.next()]
    if (x.done === true || y.done === true) return x.done === y.done ? 0 : x.done === true ? -1 : 1
    const difference = (x.value.codePointAt(0) ?? 0) - (y.value.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
}

const SHOWN_MAX = 100

/** A path for a message: what a terminal would obey, or not show as it stands, is written as an escape, and length is taken out. */
const shown = (path: string): string =>
  JSON.stringify(path.slice(0, SHOWN_MAX)).replaceAll(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
