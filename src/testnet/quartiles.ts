// Whether something became slower in the course of a run: the first quarter of the times against the last, each by its median and the range
// of its middle half.

/** The middle of some times and the range of the middle half of them. */
export interface Quartiles {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** The first and the last quarter of some times. */
export interface Quarters {
  readonly first: Quartiles
  readonly last: Quartiles
}

/** Fewer times say nothing: a quarter would have less than two. */
const TIMES_MIN = 8

/** Of times in the order in which they were taken; null of too few. */
export const quartersOf = (times: readonly number[]): Quarters | null => {
  if (times.length < TIMES_MIN) return null
  const size = Math.floor(times.length / 4)
  return { first: quartilesOf(times.slice(0, size)), last: quartilesOf(times.slice(-size)) }
}

/** Of at least one time, in any order. */
export const quartilesOf = (times: readonly number[]): Quartiles => {
  const sorted = times.toSorted((a, b) => a - b)
  return { median: at(sorted, 0.5), low: at(sorted, 0.25), high: at(sorted, 0.75) }
}

/** Between two times as far as the share lies between their ranks. */
const at = (sorted: readonly number[], share: number): number => {
  const rank = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(rank)] ?? 0, sorted[Math.ceil(rank)] ?? 0]
  return below + (above - below) * (rank - Math.floor(rank))
}
