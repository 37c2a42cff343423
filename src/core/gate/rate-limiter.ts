// How many handshakes a second a validated source may begin, or how much else of what is counted by where it comes from. Asked and charged from the narrowest prefix outwards: a machine over its own
// rate never comes as far as its neighbours' budget, and what was refused is charged to nobody.
import type { Random } from '../ports.ts'
import type { Rate } from './budget.ts'
import { KeyedHash } from './keyed-hash.ts'
import { RateSketch } from './rate-sketch.ts'
import type { Level, Source } from './source.ts'

/** The rate of one host, and how many times that a site and a network may have. */
export interface RateLimits {
  readonly host: Rate
  readonly wider: number
}

/** Rates by prefix. Fixed memory: three sketches. */
export class RateLimiter {
  readonly #levels: readonly { readonly level: Level; readonly sketch: RateSketch; readonly family: 4 | 6 | null }[]

  constructor(limits: RateLimits, random: Random) {
    const { host, wider } = limits
    const wide = { ...host, perSecond: host.perSecond * wider, burst: host.burst * wider }
    const sketch = (rate: Rate): RateSketch => new RateSketch(rate, KeyedHash.random(random))
    // Of IPv4 the site is the network: it is charged once.
    this.#levels = [
      { level: 'host', sketch: sketch(host), family: null },
      { level: 'site', sketch: sketch(wide), family: 6 },
      { level: 'network', sketch: sketch(wide), family: null },
    ]
  }

  /** Bytes held, however many sources there are. */
  get bytes(): number {
    return this.#levels.reduce((bytes, { sketch }) => bytes + sketch.bytes, 0)
  }

  /** Whether the source may begin one more. Changes nothing. */
  admits(source: Source, now: number): boolean {
    return this.#levels.every(({ level, sketch, family }) => {
      return (family !== null && family !== source.family) || sketch.admits(source.prefix(level), now)
    })
  }

  /** Charges one, or any positive number, to each prefix of the source. */
  charge(source: Source, now: number, count = 1): void {
    for (const { level, sketch, family } of this.#levels) {
      if (family === null || family === source.family) sketch.charge(source.prefix(level), now, count)
    }
  }
}
