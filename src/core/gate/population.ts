// Who holds how many of something scarce, as a tree of prefixes: regions, in them networks, in them hosts, in them the holders, oldest
// first. Each step knows its fullest child at once, so that finding who gives way takes three steps however many there are.
import { assert } from '../assert.ts'

/** Keys from the widest prefix to the narrowest; all paths of one population have the same length. */
export type Path = readonly string[]

interface Branch<Item> {
  readonly parent: Branch<Item> | null
  readonly key: string
  count: number
  /** Empty for a host. */
  readonly children: Map<string, Branch<Item>>
  /** The children by how many they hold, those first that were added to or touched longest ago. */
  readonly byCount: Map<number, Set<Branch<Item>>>
  /** How many the fullest child holds. */
  fullest: number
  /** The items of a host, by rank. Empty for wider prefixes. */
  readonly lines: Set<Item>[]
}

interface Place<Item> {
  readonly host: Branch<Item>
  rank: number
}

/** Items by prefix; lower ranks give way first. Bounded by its owner's items; everything takes a few steps a level. */
export class Population<Item> {
  readonly #root: Branch<Item> = branch(null, '')
  readonly #places = new Map<Item, Place<Item>>()

  get size(): number {
    return this.#root.count
  }

  has(item: Item): boolean {
    return this.#places.has(item)
  }

  /** How many are held under the first `depth` keys of a path; by default the whole path, which names a host. */
  count(path: Path, depth: number = path.length): number {
    let at: Branch<Item> | undefined = this.#root
    for (let i = 0; i < depth && at !== undefined; i++) at = at.children.get(path[i] ?? '')
    return at?.count ?? 0
  }

  /** How many the widest prefix that holds most holds. */
  get fullest(): number {
    return this.#root.fullest
  }

  /** Adds an item behind all others of its host and rank. */
  add(item: Item, path: Path, rank = 0): void {
    assert(!this.#places.has(item), 'an item is held once')
    let at = this.#root
    for (const key of path) at = at.children.get(key) ?? addChild(at, key)
    this.#places.set(item, { host: at, rank })
    lineOf(at, rank).add(item)
    change(at, 1)
  }

  /** Takes an item out; false when it is not in. */
  remove(item: Item): boolean {
    const place = this.#places.get(item)
    if (place === undefined) return false
    this.#places.delete(item)
    lineOf(place.host, place.rank).delete(item)
    change(place.host, -1)
    return true
  }

  /** Its prefixes were heard of: among equally full ones they give way last. The order within the host stays. */
  touch(item: Item): void {
    let at = this.#places.get(item)?.host
    while (at !== undefined && at.parent !== null) {
      const peers = at.parent.byCount.get(at.count)
      if (peers !== undefined && peers.size > 1) {
        peers.delete(at)
        peers.add(at)
      }
      at = at.parent
    }
  }

  /** Puts an item behind all others of its host and of `rank`. */
  postpone(item: Item, rank: number): void {
    const place = this.#places.get(item)
    if (place === undefined) return
    lineOf(place.host, place.rank).delete(item)
    place.rank = rank
    lineOf(place.host, rank).add(item)
    this.touch(item)
  }

  /**
   * Who gives way to a newcomer: the first of the fullest prefix, if that holds at least `lead` more than the newcomer's, otherwise the
   * same within the newcomer's own prefix, from the widest to the narrowest. With lead 0 one more is enough, and the last resort is the
   * newcomer's own host. `beside` says what the newcomer's prefix of a depth, 1 the widest, holds elsewhere; it counts as held here.
   */
  rival(path: Path, lead: 0 | 2, beside: (depth: number) => number = NOTHING): Item | null {
    let at = this.#root
    for (const [i, key] of path.entries()) {
      const own = at.children.get(key)
      if (at.fullest >= (own?.count ?? 0) + beside(i + 1) + Math.max(lead, 1)) return firstOf(descend(at))
      if (own === undefined) return null
      at = own
    }
    return lead === 0 ? firstOf(at) : null
  }

  checkInvariants(): void {
    assert(this.#check(this.#root) === this.#places.size, 'every item is counted once')
  }

  #check(at: Branch<Item>): number {
    for (const line of at.lines) {
      for (const item of line) assert(this.#places.get(item)?.host === at, 'an item is with its host')
    }
    let sum = at.lines.reduce((items, line) => items + line.size, 0)
    let fullest = 0
    for (const child of at.children.values()) {
      assert(child.count > 0, 'an empty prefix is forgotten')
      assert(at.byCount.get(child.count)?.has(child) === true, 'a prefix is found by what it holds')
      sum += this.#check(child)
      fullest = Math.max(fullest, child.count)
    }
    const listed = [...at.byCount.values()].reduce((all, peers) => all + peers.size, 0)
    assert(listed === at.children.size && fullest === at.fullest, 'the fullest prefix is known')
    assert(sum === at.count, 'a prefix holds what its parts hold')
    return sum
  }
}

const NOTHING = (): number => 0

const branch = <Item>(parent: Branch<Item> | null, key: string): Branch<Item> => ({
  parent,
  key,
  count: 0,
  children: new Map(),
  byCount: new Map(),
  fullest: 0,
  lines: [],
})

/** A child that holds nothing yet, and is therefore in no list. */
const addChild = <Item>(parent: Branch<Item>, key: string): Branch<Item> => {
  const child = branch(parent, key)
  parent.children.set(key, child)
  return child
}

const lineOf = <Item>(host: Branch<Item>, rank: number): Set<Item> => {
  while (host.lines.length <= rank) host.lines.push(new Set())
  const line = host.lines[rank]
  assert(line !== undefined, 'a rank is a small whole number')
  return line
}

const firstOf = <Item>(host: Branch<Item>): Item => {
  const line = host.lines.find(({ size }) => size > 0) ?? new Set<Item>()
  const [first] = line
  assert(first !== undefined, 'a host in the tree holds something')
  return first
}

/** From the fullest child to its fullest child, down to a host. */
const descend = <Item>(from: Branch<Item>): Branch<Item> => {
  let at = from
  while (at.fullest > 0) {
    const [first] = at.byCount.get(at.fullest) ?? []
    assert(first !== undefined, 'the fullest prefix exists')
    at = first
  }
  return at
}

/** One more or one less in a host and in every prefix around it. */
const change = <Item>(host: Branch<Item>, by: 1 | -1): void => {
  for (let at: Branch<Item> | null = host; at !== null; at = at.parent) {
    const before = at.count
    at.count += by
    if (at.parent !== null) relist(at, at.parent, before)
  }
}

const relist = <Item>(child: Branch<Item>, parent: Branch<Item>, before: number): void => {
  const { byCount } = parent
  const old = byCount.get(before)
  old?.delete(child)
  if (old?.size === 0) byCount.delete(before)
  if (child.count === 0) parent.children.delete(child.key)
  else {
    const peers = byCount.get(child.count) ?? new Set()
    byCount.set(child.count, peers)
    peers.add(child)
  }
  // Counts change by one, so the fullest does too.
  if (child.count > parent.fullest) parent.fullest = child.count
  else if (before === parent.fullest && !byCount.has(before)) parent.fullest = child.count
}
