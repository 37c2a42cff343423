// A set of numbers kept as sorted, disjoint, non-touching ranges [start, end): packet numbers seen, bytes acknowledged or lost.

/** A range set; whoever adds bounds the number of ranges (`dropLowest`). Operations are logarithmic but for the shifting. */
export class Ranges {
  /** start0, end0, start1, end1 …, ascending. */
  readonly #edges: number[] = []

  get count(): number {
    return this.#edges.length / 2
  }

  get isEmpty(): boolean {
    return this.#edges.length === 0
  }

  /** The smallest member, or Infinity. */
  get min(): number {
    return this.#edges[0] ?? Infinity
  }

  /** One above the largest member, or -Infinity. */
  get end(): number {
    return this.#edges.at(-1) ?? -Infinity
  }

  startOf(index: number): number {
    return this.#edges[2 * index]!
  }

  endOf(index: number): number {
    return this.#edges[2 * index + 1]!
  }

  /** Index of the first range that ends above `value`; `count` when none does. */
  indexAbove(value: number): number {
    return this.#above(value) >> 1
  }

  has(value: number): boolean {
    return this.#above(value) % 2 === 1
  }

  /** Adds [start, end). */
  add(start: number, end: number): void {
    if (start >= end) return
    const edges = this.#edges
    const last = edges.length - 1
    if (last > 0 && start === edges[last]) {
      edges[last] = end
      return
    }
    if (last < 0 || start > edges[last]!) {
      edges.push(start, end)
      return
    }
    // The first edge at or above start, and the first above end: what lies between is swallowed.
    const low = this.#atOrAbove(start)
    const high = this.#above(end)
    const replacement: number[] = []
    // An odd edge at `start` ends the range before: it is touched and grows.
    if (low % 2 === 0) replacement.push(start)
    if (high % 2 === 0) replacement.push(end)
    edges.splice(low, high - low, ...replacement)
  }

  /** Takes [start, end) out. */
  remove(start: number, end: number): void {
    if (start >= end || this.isEmpty) return
    const low = this.#atOrAbove(start)
    const high = this.#above(end)
    const replacement: number[] = []
    if (low % 2 === 1) replacement.push(start)
    if (high % 2 === 1) replacement.push(end)
    this.#edges.splice(low, high - low, ...replacement)
  }

  /** Forgets the lowest ranges until at most `count` are left; returns one above the largest forgotten member, or 0. */
  dropLowest(count: number): number {
    const extra = this.count - count
    if (extra <= 0) return 0
    return this.#edges.splice(0, 2 * extra).at(-1)!
  }

  clear(): void {
    this.#edges.length = 0
  }

  /** Index of the first edge above `value`. */
  #above(value: number): number {
    let low = 0
    let high = this.#edges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#edges[middle]! > value) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Index of the first edge at or above `value`. */
  #atOrAbove(value: number): number {
    let low = 0
    let high = this.#edges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#edges[middle]! >= value) high = middle
      else low = middle + 1
    }
    return low
  }
}
