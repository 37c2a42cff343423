// Times as a sample: what of it is reported.

/** A sample of times in milliseconds, to a hundredth. */
export interface Sample {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** The sample of times in any order; null of none. */
export const sampleOf = (times: readonly number[]): Sample | null => {
  if (times.length === 0) return null
  const sorted = times.toSorted((a, b) => a - b)
  return { count: sorted.length, p50: rank(sorted, 0.5), p99: rank(sorted, 0.99), max: rank(sorted, 1) }
}

/** The middle value, the lower of two; NaN of none. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN

/** The value at `share` of sorted times, by nearest rank. */
const rank = (sorted: readonly number[], share: number): number =>
  Math.round((sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0) * 100) / 100
