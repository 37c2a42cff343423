// Makes a failing schedule smaller: leaves out half of the faults, then a quarter, an eighth, and keeps what still fails, until no single
// one can be left out or the tries are used up (delta debugging).

/** What came of shrinking. */
export interface Shrunk<Item> {
  /** What still fails, in the order given. */
  readonly items: readonly Item[]
  readonly tries: number
  /** Whether nothing of it can be left out. */
  readonly isMinimal: boolean
}

/** Shrinks `items`, which fail; `fails` says whether a part of them does. At most `triesMax` are tried. */
export const shrink = async <Item>(
  items: readonly Item[],
  fails: (part: readonly Item[]) => Promise<boolean>,
  triesMax: number,
): Promise<Shrunk<Item>> => {
  let kept = items
  let tries = 0
  for (let size = Math.ceil(kept.length / 2); kept.length > 0; size = Math.ceil(size / 2)) {
    for (let at = 0; at < kept.length;) {
      if (tries === triesMax) return { items: kept, tries, isMinimal: false }
      tries++
      const without = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (await fails(without)) kept = without
      else at += size
    }
    if (size === 1) break
  }
  return { items: kept, tries, isMinimal: true }
}
