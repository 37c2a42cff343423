// What every benchmark prints about where it ran, and the one statistic they all use.
import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus } from 'node:os'

/** One line that names the machine and the Node. */
export const machine = (): string =>
  `Node ${process.version}, ${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'an unknown kind'}`

/** The commit that is measured, and whether anything differs from it. */
export const commit = (): string => {
  try {
    const git = (...words: string[]): string =>
      execFileSync('git', words, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes'
    return `commit ${git('rev-parse', '--short', 'HEAD').trim()}${changed}`
  } catch {
    return 'an unknown commit'
  }
}

/** The middle value of a list that is not empty; the lower of two. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[(values.length - 1) >> 1] ?? Number.NaN
