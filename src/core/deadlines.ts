// Which of many things is due first: a binary heap that knows where each item stands, so that moving one deadline costs a few swaps
// however many there are. Ties are broken by the order in which deadlines were set, so that a replay is exact.
//
// A deadline that moves away stays in its place until it is first, and only then sinks to where it belongs: most are moved away and
// back with each datagram, and come to nothing. So an entry may stand nearer than it is due, never farther, and the first is exact.

interface Entry<T> {
  readonly item: T
  at: number
  order: number
  /** By what it stands in the heap: `at` and `order`, or earlier ones. */
  placedAt: number
  placedOrder: number
  index: number
}

/** Items by their next deadline (milliseconds of `now`); each item has at most one. Bounded by the number of its owner's items. */
export class Deadlines<T> {
  readonly #heap: Entry<T>[] = []
  readonly #entries = new Map<T, Entry<T>>()
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** The earliest deadline; Infinity when there is none. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Infinity
  }

  /** The deadline of `item`; Infinity when it has none. */
  at(item: T): number {
    return this.#entries.get(item)?.at ?? Infinity
  }

  /** Sets or moves the deadline of `item`; Infinity clears it. */
  set(item: T, at: number): void {
    if (at === Infinity) return this.clear(item)
    const entry = this.#entries.get(item)
    if (entry === undefined) return this.#insert(item, at)
    if (entry.at === at) return
    entry.at = at
    entry.order = this.#order++
    if (at < entry.placedAt) {
      settle(entry)
      this.#up(entry)
    }
    this.#exactFirst()
  }

  clear(item: T): void {
    const entry = this.#entries.get(item)
    if (entry === undefined) return
    this.#entries.delete(item)
    const last = this.#heap.pop()
    if (last === undefined || last === entry) return
    this.#place(last, entry.index)
    this.#up(last)
    this.#down(last)
    this.#exactFirst()
  }

  /** Removes and returns the item whose deadline is first and not after `now`, or null. */
  due(now: number): T | null {
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return null
    this.clear(first.item)
    return first.item
  }

  #insert(item: T, at: number): void {
    const order = this.#order++
    const entry: Entry<T> = { item, at, order, placedAt: at, placedOrder: order, index: this.#heap.length }
    this.#entries.set(item, entry)
    this.#heap.push(entry)
    this.#up(entry)
  }

  /** The first sinks for as long as it is due later than it stands. Each entry sinks at most once for each time it moved away. */
  #exactFirst(): void {
    for (let first = this.#heap[0]; first !== undefined && first.order !== first.placedOrder; first = this.#heap[0]) {
      settle(first)
      this.#down(first)
    }
  }

  #up(entry: Entry<T>): void {
    while (entry.index > 0) {
      const above = this.#heap[(entry.index - 1) >> 1]
      if (above === undefined || !before(entry, above)) return
      this.#swap(entry, above)
    }
  }

  #down(entry: Entry<T>): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1]
      const right = this.#heap[2 * entry.index + 2]
      const below = right !== undefined && left !== undefined && before(right, left) ? right : left
      if (below === undefined || !before(below, entry)) return
      this.#swap(entry, below)
    }
  }

  #swap(a: Entry<T>, b: Entry<T>): void {
    const index = a.index
    this.#place(a, b.index)
    this.#place(b, index)
  }

  #place(entry: Entry<T>, index: number): void {
    this.#heap[index] = entry
    entry.index = index
  }
}

const settle = <T>(entry: Entry<T>): void => {
  entry.placedAt = entry.at
  entry.placedOrder = entry.order
}

const before = <T>(a: Entry<T>, b: Entry<T>): boolean =>
  a.placedAt < b.placedAt || (a.placedAt === b.placedAt && a.placedOrder < b.placedOrder)
