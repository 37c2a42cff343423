// What goes wrong on the way of datagrams: each condition covers some pairs of hosts for a while, and changes the fate of what passes.
import type { Nic } from './nic.ts'
import type { SeededRandom } from './random.ts'

/** What is going to become of one datagram. `bytes` is the copy that travels, and may be changed in place. */
export interface Fate {
  bytes: Uint8Array
  lost: boolean
  /** Added to its way. */
  delayMs: number
  /** Where what goes on with it waits for its condition to end, or null. */
  kept: (() => void)[] | null
  /** It may be overtaken by what is sent after it, and overtake what was sent before. */
  unordered: boolean
  copies: number
}

/** One thing that is wrong with the network. */
export interface Condition {
  covers(from: Nic, to: Nic): boolean
  /** Changes a fate; true when it did. */
  strike(fate: Fate, now: number): boolean
  /** It is over: what it kept goes on. */
  ended?(): void
}

const always = (): boolean => true

/** Pairs of hosts, by direction. */
export type Pairs = (from: Nic, to: Nic) => boolean

/** Loses a share of all datagrams, each by itself. */
export const loss = (random: SeededRandom, share: number, covers: Pairs = always): Condition => ({
  covers,
  strike: (fate) => (random.chance(share) ? (fate.lost = true) : false),
})

/** Loses datagrams in bursts: good times of `goodMs` and bad ones of `badMs` on average, in which 9 of 10 are lost (Gilbert and Elliott). */
export const burstLoss = (
  random: SeededRandom,
  { goodMs, badMs }: { readonly goodMs: number; readonly badMs: number },
  covers: Pairs = always,
): Condition => {
  let bad = false
  let changesAt = -1
  return {
    covers,
    strike: (fate, now) => {
      while (now >= changesAt) {
        bad = !bad
        changesAt =
          Math.max(changesAt, now - 10 * (goodMs + badMs)) - Math.log(1 - random.fraction()) * (bad ? badMs : goodMs)
      }
      return bad && random.chance(0.9) ? (fate.lost = true) : false
    },
  }
}

/** Delays a share of all datagrams by up to `delayMs`, so that others overtake them. */
export const reordering = (
  random: SeededRandom,
  { share, delayMs }: { readonly share: number; readonly delayMs: number },
  covers: Pairs = always,
): Condition => ({
  covers,
  strike: (fate) => {
    if (!random.chance(share)) return false
    fate.delayMs += random.fraction() * delayMs
    fate.unordered = true
    return true
  },
})

/** Delivers a share of all datagrams twice. */
export const duplication = (random: SeededRandom, share: number, covers: Pairs = always): Condition => ({
  covers,
  strike: (fate) => {
    if (!random.chance(share)) return false
    fate.copies++
    return true
  },
})

/** Changes one byte of a share of all datagrams, or cuts the end off. */
export const corruption = (random: SeededRandom, share: number, covers: Pairs = always): Condition => ({
  covers,
  strike: (fate) => {
    if (fate.bytes.length === 0 || !random.chance(share)) return false
    const at = random.below(fate.bytes.length)
    if (random.chance(0.1)) fate.bytes = fate.bytes.slice(0, at)
    else fate.bytes[at] = (fate.bytes[at] ?? 0) ^ (1 + random.below(255))
    return true
  },
})

/** Loses what is larger than `bytes`, headers of IP and UDP included, and tells nobody. */
export const narrowing = (bytes: number, covers: Pairs = always): Condition => ({
  covers,
  strike: (fate) => (fate.bytes.length + 28 > bytes ? (fate.lost = true) : false),
})

/** Loses everything. */
export const blocking = (covers: Pairs): Condition => ({ covers, strike: (fate) => (fate.lost = true) })

/** Keeps everything, and lets all of it through at once when it ends. */
export const clogging = (covers: Pairs): Condition => {
  /** Bounded by what may be under way in the network. */
  const kept: (() => void)[] = []
  return {
    covers,
    strike: (fate) => {
      fate.kept = kept
      return true
    },
    ended: () => {
      for (const goOn of kept.splice(0)) goOn()
    },
  }
}
