// What the thread of a test network's window knows: the last reading, and the looks at all nodes together from the beginning of the run to now. A
// run may last a day: when there are too many looks, two become one.
import type { ToNetworkAdmin } from './network-feed.ts'
import type { NetworkReading, NetworkSample } from './network-reading.ts'
import { type Clocks, Pulse } from './pulse.ts'
import type { NetworkPoint } from './shown.ts'

/** Points that are kept: between half of them and all, over however long a time. */
export const POINTS_MAX = 600

/** See the head of this file. */
export class NetworkBoard {
  readonly pulse: Pulse
  #reading: NetworkReading | null = null
  /** Bounded by POINTS_MAX. */
  #points: NetworkPoint[] = []
  /** Looks that are one point, and those of them that the last point has. */
  #looks = 1
  #has = 0
  #lastAt = -Infinity

  constructor(clocks: Clocks) {
    this.pulse = new Pulse({ name: 'network', joining: 'is being formed' }, clocks)
  }

  take(message: ToNetworkAdmin): void {
    switch (message.kind) {
      case 'network': {
        const { reading } = message
        this.#reading = reading
        this.pulse.heard()
        if (reading.sample !== null && reading.sample.at > this.#lastAt) this.#add(reading.sample)
        return
      }
      case 'joined':
      case 'closing':
        this.pulse.enter(message.kind)
    }
  }

  /** Null until the first has come. */
  get reading(): NetworkReading | null {
    return this.#reading
  }

  /** In order, the last one last. */
  get points(): readonly NetworkPoint[] {
    return this.#points
  }

  #add(sample: NetworkSample): void {
    this.#lastAt = sample.at
    const point = pointOf(sample)
    const last = this.#points.at(-1)
    if (last !== undefined && this.#has < this.#looks) {
      this.#points.splice(-1, 1, both(last, point))
      this.#has++
      return
    }
    if (this.#points.length === POINTS_MAX) {
      this.#points = pairs(this.#points)
      this.#looks *= 2
    }
    this.#points.push(point)
    this.#has = 1
  }
}

const pointOf = (sample: NetworkSample): NetworkPoint => {
  const { at, connections, rssBytes, verdicts, identityP50Ms, identityP99Ms, eventLoopP99Ms } = sample
  return { at, connections, rssBytes, ...verdicts, identityP50Ms, identityP99Ms, eventLoopP99Ms }
}

const pairs = (points: readonly NetworkPoint[]): NetworkPoint[] =>
  points.flatMap((point, n) => {
    const next = points[n + 1]
    return n % 2 === 0 ? [next === undefined ? point : both(point, next)] : []
  })

/** The later of two looks, with the longer of their times: no peak is lost. */
const both = (a: NetworkPoint, b: NetworkPoint): NetworkPoint => ({
  ...b,
  identityP50Ms: longer(a.identityP50Ms, b.identityP50Ms),
  identityP99Ms: longer(a.identityP99Ms, b.identityP99Ms),
  eventLoopP99Ms: longer(a.eventLoopP99Ms, b.eventLoopP99Ms),
})

const longer = (a: number | null, b: number | null): number | null => (a === null ? b : Math.max(a, b ?? 0))
