// Which of many things is due first: a binary heap that knows where each item stands, so that moving one deadline costs a few swaps
// however many there are. Ties are broken by the order in which deadlines were set, so that a replay is exact.

interface Entry<T> {
  readonly item: T
  at: number
  order: number
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
    this.#sift(entry)
  }

  clear(item: T): void {
    const entry = this.#entries.get(item)
    if (entry === undefined) return
    this.#entries.delete(item)
    const last = this.#heap.pop()
    if (last === undefined || last === entry) return
    this.#place(last, entry.index)
    this.#sift(last)
  }

  /** Removes and returns the item whose deadline is first and not after `now`, or null. */
  due(now: number): T | null {
    const first = this.#heap[0]
    if (first === undefined || first.at > now) return null
    this.clear(first.item)
    return first.item
  }

  #insert(item: T, at: number): void {
    const entry: Entry<T> = { item, at, order: this.#order++, index: this.#heap.length }
    this.#entries.set(item, entry)
    this.#heap.push(entry)
    this.#sift(entry)
  }

  #sift(entry: Entry<T>): void {
    this.#up(entry)
    this.#down(entry)
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

const before = <T>(a: Entry<T>, b: Entry<T>): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
