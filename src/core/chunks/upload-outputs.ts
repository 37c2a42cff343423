// What an upload is told, bounded by, and tells its driver: the plain data beside the machine in upload.ts.
import type { ErrorCode } from '../errors.ts'
import type { ChunkAddress, PeerId } from '../ids.ts'
import type { Work } from '../ports.ts'
import type { Link } from './link.ts'
import { PLACEMENT_LIMITS } from './placement.ts'
import type { PlacementLimits } from './placement.ts'
import type { PlacedRecord } from './upload-record.ts'

/** Bounds of an upload. */
export interface UploadLimits extends PlacementLimits {
  /** Pieces between being read and being settled: 4 MiB each, twice that while one is being sealed. */
  readonly piecesMax: number
  /** Chunk-puts in progress: at first, and within which bounds as they go well or badly (`Concurrency`). */
  readonly putsFirst: number
  readonly putsMin: number
  readonly putsMax: number
  /** Chunk-puts in progress to one peer: what a holder takes at once. */
  readonly putsPerPeerMax: number
  /** Chunk-has requests in progress. */
  readonly asksMax: number
  /** Entries of one data map, at least 2, where fewer are wanted than there is room for. */
  readonly mapEntriesMax: number
  /** A lookup that takes longer found nobody. */
  readonly lookupTimeoutMs: number
}

/** The defaults of `UploadLimits`. */
export const UPLOAD_LIMITS: UploadLimits = Object.freeze({
  ...PLACEMENT_LIMITS,
  piecesMax: 3,
  putsFirst: 4,
  putsMin: 1,
  putsMax: 24,
  putsPerPeerMax: 4,
  asksMax: 32,
  mapEntriesMax: Infinity,
  lookupTimeoutMs: 30_000,
})

/** What is uploaded, and how it is judged. */
export interface UploadOptions {
  /** Bytes of the file; null for a stream, which ends with a piece that is shorter than asked for. */
  readonly size: number | null
  /** What the link is to lead to. Default: a file. */
  readonly kind?: Link['kind']
  /** What its chunks are sealed with beside their content, 32 bytes. Default: the convergent context. */
  readonly context?: Uint8Array
  /** What an interrupted upload of the same file had placed; it says nothing of a stream. */
  readonly resumed?: readonly PlacedRecord[]
  /** Takes fewer holders than the quorum, but at least one. */
  readonly allowFewer?: boolean
  readonly limits?: Partial<UploadLimits>
}

/** What an upload amounted to. */
export interface UploadResult {
  /** The text of the link. */
  readonly link: string
  readonly bytes: number
  /** Chunks of the file, data maps not counted. */
  readonly chunks: number
  /** Holders of the chunk that has fewest, data maps included; of one that was resumed no more than were written down. */
  readonly holders: number
  /** Copies that were stored newly, data maps' included. */
  readonly stored: number
  /** Chunks that an earlier upload of the same file had placed, and that were compared and not asked about. */
  readonly resumed: number
}

/** What the driver is to do next, in order. */
export type UploadOutput =
  /** Read `[offset, offset + size)` of the file and hand it to `piece`; of a stream these are the next bytes, one output at a time. */
  | { readonly kind: 'read-piece'; readonly index: number; readonly offset: number; readonly size: number }
  | { readonly kind: 'work'; readonly work: Work }
  /** Find the peers closest to `address` and hand them to `found`. */
  | { readonly kind: 'lookup'; readonly address: ChunkAddress }
  | {
      readonly kind: 'has'
      readonly request: number
      readonly peer: PeerId
      readonly address: ChunkAddress
      readonly timeoutMs: number
    }
  | {
      readonly kind: 'put'
      readonly request: number
      readonly peer: PeerId
      readonly address: ChunkAddress
      /** Shared by the puts of one chunk: read only. */
      readonly bytes: Uint8Array
      readonly timeoutMs: number
    }
  /** The answer to that request is not wanted any more. */
  | { readonly kind: 'cancel'; readonly request: number }
  /** A chunk of the file is held by these peers now. */
  | ({ readonly kind: 'placed' } & PlacedRecord)
  /** Nothing of a chunk that was put is wanted any more, and every request with it was answered or cancelled. */
  | { readonly kind: 'release'; readonly bytes: Uint8Array }
  | { readonly kind: 'progress'; readonly bytes: number; readonly chunks: number; readonly stored: number }
  | ({ readonly kind: 'finished' } & UploadResult)
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly detail: string }
