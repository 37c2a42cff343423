// What the halves of streams have in common.
import type { StreamId } from '../core/ids.ts'

/** What a half tells its session, once: that nothing more becomes of it. */
export interface StreamOwner {
  sent(id: StreamId): void
  received(id: StreamId): void
  /** Runs something when all that came in this turn was told. */
  soon(run: () => void): void
}

/** The code that the reason of an abort or a cancel stands for. */
export const codeOf = (reason: unknown): number =>
  typeof reason === 'number' && Number.isSafeInteger(reason) && reason >= 0 ? reason : 0
