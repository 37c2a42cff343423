// How honest clients fared, and the two together that make a report of it.
import type { ErrorCode } from '../index.ts'

/** How one client fared: identified after so many milliseconds from the dial and so many tries, or failed. */
export type Fate =
  | { readonly kind: 'identified'; readonly ms: number; readonly tries: number }
  | { readonly kind: 'failed'; readonly code: ErrorCode }

/** How many failed, by code. */
export type Failures = Readonly<Partial<Record<ErrorCode, number>>>

/** The times of those who were identified. */
export const timesOf = (fates: readonly Fate[]): number[] =>
  fates.flatMap((fate) => (fate.kind === 'identified' ? [fate.ms] : []))

/** The failures of those who were not. */
export const failuresOf = (fates: readonly Fate[]): Failures => {
  const failed: Partial<Record<ErrorCode, number>> = {}
  for (const fate of fates) if (fate.kind === 'failed') failed[fate.code] = (failed[fate.code] ?? 0) + 1
  return failed
}
