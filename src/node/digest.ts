// What happens too often for a line each, told as one line: how much of everything there was since the last.

/** How often there may be a line, in milliseconds, once there was one. */
const EVERY_MS = 60_000

/** Numbers, some in groups. */
export interface Tally {
  readonly [name: string]: number | Tally
}

/** What was added in so many seconds, without what was not. */
export interface Grown {
  readonly seconds: number
  readonly by: Tally
}

/** The digest of numbers that only grow. */
export class Digest {
  #before: Tally
  #since: number
  #nextAt: number

  /** As the numbers are at a moment, from which on is told. */
  constructor(tally: Tally, now: number) {
    this.#before = tally
    this.#since = this.#nextAt = now
  }

  /** What was added since the last time that something was told, or null where there is nothing to tell, or it is too early for that. */
  take(tally: Tally, { now, isLast = false }: { readonly now: number; readonly isLast?: boolean }): Grown | null {
    if (now < this.#nextAt && !isLast) return null
    const by = grown(this.#before, tally)
    const seconds = Math.max(1, Math.round((now - this.#since) / 1000))
    this.#before = tally
    this.#since = now
    if (Object.keys(by).length === 0) return null
    this.#nextAt = now + EVERY_MS
    return { seconds, by }
  }
}

const grown = (before: Tally, now: Tally): Tally => {
  const by: Record<string, number | Tally> = {}
  for (const [name, value] of Object.entries(now)) {
    const earlier = before[name]
    if (typeof value === 'number') {
      const more = value - (typeof earlier === 'number' ? earlier : 0)
      if (more > 0) by[name] = more
    } else {
      const more = grown(typeof earlier === 'object' ? earlier : {}, value)
      if (Object.keys(more).length > 0) by[name] = more
    }
  }
  return by
}
