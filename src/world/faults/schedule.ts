// Which faults a seed gives. What is left out by choice leaves the others as they are: each draws from a stream of its own.
import { SeededRandom } from '../random.ts'
import { FAULT_KINDS, type Fault, type FaultKind } from './fault.ts'

/** Over what a schedule extends. */
export interface ScheduleOptions {
  readonly seed: number
  readonly hosts: number
  /** Faults begin between these two, in milliseconds of the world. */
  readonly fromMs: number
  readonly toMs: number
  /** One begins this often on average. */
  readonly everyMs: number
}

/** Which of a seed's faults are to strike: all, none, those of some kinds, or some by their numbers. */
export type Choice =
  | { readonly kind: 'all' | 'none' }
  | { readonly kind: 'kinds'; readonly kinds: readonly FaultKind[] }
  | { readonly kind: 'numbers'; readonly numbers: readonly number[] }

/** Faults of one schedule at most. */
const FAULTS_MAX = 10_000

/** Most faults are short, some last. */
const SHORTEST_MS = 200
const LONGEST_MS = 90_000

/** The faults of a seed in order of their time. */
export const scheduleOf = ({ seed, hosts, fromMs, toMs, everyMs }: ScheduleOptions): Fault[] => {
  const times = new SeededRandom(seed, 'fault times')
  const faults: Fault[] = []
  for (let at = fromMs; faults.length < FAULTS_MAX;) {
    at -= Math.log(1 - times.fraction()) * everyMs
    if (at >= toMs) break
    faults.push(faultOf(seed, faults.length + 1, { hosts, at }))
  }
  return faults
}

/** Those of a schedule that were chosen. */
export const chosen = (faults: readonly Fault[], choice: Choice): Fault[] => {
  switch (choice.kind) {
    case 'all':
      return [...faults]
    case 'none':
      return []
    case 'kinds':
      return faults.filter(({ kind }) => choice.kinds.includes(kind))
    case 'numbers':
      return faults.filter(({ number }) => choice.numbers.includes(number))
  }
}

/** Reads `all`, `none`, `loss,crash` or `3,7,12`; null when it is none of these. */
export const parseChoice = (text: string): Choice | null => {
  if (text === 'all' || text === 'none') return { kind: text }
  const parts = text.split(',')
  if (parts.every((part) => /^[1-9]\d{0,4}$/.test(part))) return { kind: 'numbers', numbers: parts.map(Number) }
  const kinds = FAULT_KINDS.filter((kind) => parts.includes(kind))
  return kinds.length === new Set(parts).size ? { kind: 'kinds', kinds } : null
}

const faultOf = (seed: number, number: number, { hosts, at }: { hosts: number; at: number }): Fault => {
  const random = new SeededRandom(seed, `fault ${number}`)
  const kind = random.pick(FAULT_KINDS)
  const forMs = SHORTEST_MS * (LONGEST_MS / SHORTEST_MS) ** random.fraction()
  const strength = random.fraction()
  return { number, kind, at, forMs, hosts: victims(random, kind, hosts), strength }
}

/** Mostly one or a few; of what the network does, at times everybody. */
const victims = (random: SeededRandom, kind: FaultKind, hosts: number): number[] => {
  const isSplit = kind === 'partition' || kind === 'one-way' || kind === 'clog'
  const mostly = random.fraction()
  if (mostly < 0.3 && NETWORK.has(kind) && !isSplit) return []
  const most = isSplit ? Math.ceil(hosts / 2) : Math.max(1, Math.ceil(hosts / 5))
  // A disk is asked so seldom that a fault of one alone would mostly pass unnoticed.
  const count = DISKS.has(kind) ? most + random.below(most) : mostly < 0.7 ? 1 : 1 + random.below(most)
  const places = Array.from({ length: hosts }, (_, place) => place)
  return Array.from({ length: count }, () => places.splice(random.below(places.length), 1))
    .flat()
    .toSorted((a, b) => a - b)
}

const DISKS: ReadonlySet<FaultKind> = new Set(['slow-disk', 'stuck-disk', 'full-disk'])

const NETWORK: ReadonlySet<FaultKind> = new Set([
  'loss',
  'burst-loss',
  'reordering',
  'duplication',
  'corruption',
  'mtu',
  'slow-line',
])
