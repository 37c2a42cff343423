// Takes the bytes of a directory as they come, verified and in order, and says what is to be made of them. Nothing is said before
// the whole manifest was read and found safe.
//
//   length ─► manifest ─► contents ─► done          and from anywhere but the end ─► refused
import { Reader, concat } from '../bytes.ts'
import { MANIFEST_BYTES_MAX, MANIFEST_LENGTH_BYTES, decodeManifest } from './manifest.ts'
import type { Manifest, ManifestEntry } from './manifest.ts'

/** What is to be done next, in order. */
export type TreeStep =
  | { readonly kind: 'directory'; readonly entry: ManifestEntry }
  /** A file begins; its bytes follow, and then its end. */
  | { readonly kind: 'file'; readonly entry: ManifestEntry }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly entry: ManifestEntry }

/** Why a directory is not restored. */
export interface TreeRefusal {
  readonly refused: 'malformed' | 'unsafe'
  readonly reason: string
}

const TOO_LONG = { refused: 'malformed', reason: 'its manifest is too long' } as const
const TOO_MUCH = { refused: 'malformed', reason: 'it has more bytes than its manifest says' } as const

/** See the head of this file. */
export class TreeReader {
  /** The length and the manifest, as far as they came. Bounded by MANIFEST_BYTES_MAX and a piece. */
  #head: Uint8Array = new Uint8Array(0)
  #manifest: Manifest | null = null
  #next = 0
  #file: { readonly entry: ManifestEntry; left: number } | null = null

  /** What the manifest says; null until it was read. */
  get manifest(): Manifest | null {
    return this.#manifest
  }

  /** Whether everything the manifest lists has come. */
  get done(): boolean {
    return this.#manifest !== null && this.#file === null && this.#next === this.#manifest.entries.length
  }

  /** Takes the next bytes, which the steps are views of. */
  receive(bytes: Uint8Array): readonly TreeStep[] | TreeRefusal {
    if (this.#manifest !== null) return this.#contents(this.#manifest, bytes)
    this.#head = concat(this.#head, bytes)
    if (this.#head.length < MANIFEST_LENGTH_BYTES) return []
    const length = new Reader(this.#head).u32()
    if (length > MANIFEST_BYTES_MAX) return TOO_LONG
    const end = MANIFEST_LENGTH_BYTES + length
    if (this.#head.length < end) return []
    const manifest = decodeManifest(this.#head.subarray(MANIFEST_LENGTH_BYTES, end))
    if ('refused' in manifest) return manifest
    this.#manifest = manifest
    const rest = this.#head.subarray(end)
    this.#head = new Uint8Array(0)
    return this.#contents(manifest, rest)
  }

  #contents({ entries }: Manifest, bytes: Uint8Array): readonly TreeStep[] | TreeRefusal {
    const steps: TreeStep[] = []
    let at = 0
    for (;;) {
      const file = this.#file
      if (file === null) {
        const entry = entries[this.#next]
        if (entry === undefined) break
        this.#next++
        steps.push({ kind: entry.size === null ? 'directory' : 'file', entry })
        if (entry.size !== null) this.#file = { entry, left: entry.size }
        continue
      }
      const part = bytes.subarray(at, at + file.left)
      if (part.length > 0) steps.push({ kind: 'bytes', bytes: part })
      at += part.length
      file.left -= part.length
      if (file.left > 0) break
      steps.push({ kind: 'end', entry: file.entry })
      this.#file = null
    }
    return at < bytes.length ? TOO_MUCH : steps
  }
}
