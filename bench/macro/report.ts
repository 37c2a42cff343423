// What every benchmark prints about where it ran, and the one statistic they all use.
import { availableParallelism, cpus } from 'node:os'

/** One line that names the machine and the Node. */
export const machine = (): string =>
  `Node ${process.version}, ${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown kind'}`

/** The middle value of a list that is not empty; the lower of two. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN
