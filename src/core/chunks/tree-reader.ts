// Takes the bytes of a directory as they come, verified and in order, and says what is to be made of them. Nothing is said before
// the whole manifest was read and found safe.
//
//   length ─► manifest ─► contents ─► done          and from anywhere but the end ─► refused
import { Reader } from '../bytes.ts'
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
  /** Room for the length, and once that came for the manifest too: at most 16 MiB. */
  #head: Uint8Array = new Uint8Array(MANIFEST_LENGTH_BYTES)
  /** Bytes of it that came. */
  #filled = 0
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
    let rest = this.#fill(bytes)
    if (this.#filled === MANIFEST_LENGTH_BYTES) {
      const length = new Reader(this.#head).u32()
      if (length > MANIFEST_BYTES_MAX) return TOO_LONG
      const head = new Uint8Array(MANIFEST_LENGTH_BYTES + length)
      head.set(this.#head)
      this.#head = head
      rest = this.#fill(rest)
    }
    if (this.#filled < this.#head.length) return []
    const manifest = decodeManifest(this.#head.subarray(MANIFEST_LENGTH_BYTES))
    if ('refused' in manifest) return manifest
    this.#manifest = manifest
    this.#head = new Uint8Array(0)
    return this.#contents(manifest, rest)
  }

  /** Takes as many bytes as there is room for; returns the others. */
  #fill(bytes: Uint8Array): Uint8Array {
    const taken = bytes.subarray(0, this.#head.length - this.#filled)
    this.#head.set(taken, this.#filled)
    this.#filled += taken.length
    return bytes.subarray(taken.length)
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
