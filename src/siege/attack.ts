// An attack as a plan: how many silent clients of which kind, how much garbage and how many replays a second, from how many prefixes,
// and how that is dealt out to processes.
import type { Address } from '../core/address.ts'
import { ATTEMPT_KINDS } from './attempt.ts'
import type { AttemptKind } from './attempt.ts'
import { noTally } from './silent-client.ts'
import type { AttackTally } from './silent-client.ts'

/** What an attack does; `prefixes` null is one address for everybody. */
export interface Attack {
  /** How many clients of each kind. */
  readonly crowd: Readonly<Partial<Record<AttemptKind, number>>>
  readonly garbagePerSecond: number
  readonly replaysPerSecond: number
  readonly prefixes: number | null
  /** All in the name of honest clients: from the prefixes of the first of those, and without hearing what is answered. */
  readonly forged: boolean
  /** Null: one for every 256 silent clients. */
  readonly processes: number | null
}

/** An attack that does nothing. */
export const NO_ATTACK: Attack = Object.freeze({
  crowd: {},
  garbagePerSecond: 0,
  replaysPerSecond: 0,
  prefixes: null,
  forged: false,
  processes: null,
})

/** The part of an attack that one process has; a client is its kind and the number of its prefix. */
export interface AttackShare {
  readonly target: Address
  readonly clients: readonly (readonly [AttemptKind, number])[]
  readonly garbagePerSecond: number
  readonly replaysPerSecond: number
  readonly prefixes: number | null
  readonly forged: boolean
}

/** What an attack has done so far. */
export interface AttackTotals extends AttackTally {
  garbage: number
  replayed: number
}

/** What an attacking process is asked. */
export type AttackerRequest =
  /** Makes and binds everything, so that beginning costs nothing but what is sent. */
  | { readonly kind: 'prepare'; readonly share: AttackShare }
  /** First attempts are spread over so many milliseconds. */
  | { readonly kind: 'begin'; readonly withinMs: number }
  /** Answered with the `AttackTotals`. */
  | { readonly kind: 'report' }

/** Totals of nothing. */
export const noTotals = (): AttackTotals => ({ ...noTally(), garbage: 0, replayed: 0 })

/** Totals of two processes together. */
export const addAttackTotals = (a: AttackTotals, b: AttackTotals): AttackTotals => ({
  attempts: a.attempts + b.attempts,
  finished: a.finished + b.finished,
  closed: a.closed + b.closed,
  turnedAway: a.turnedAway + b.turnedAway,
  garbage: a.garbage + b.garbage,
  replayed: a.replayed + b.replayed,
})

const CLIENTS_PER_PROCESS = 256
const PROCESSES_MAX = 8

/** An attack in shares, one a process; none when it does nothing. */
export const sharesOf = (attack: Attack, target: Address): AttackShare[] => {
  const { garbagePerSecond, replaysPerSecond, prefixes, forged } = attack
  const clients = clientsOf(attack)
  if (clients.length + garbagePerSecond + replaysPerSecond === 0) return []
  const wanted = attack.processes ?? Math.min(PROCESSES_MAX, Math.ceil(clients.length / CLIENTS_PER_PROCESS))
  const processes = Math.max(1, wanted)
  return Array.from({ length: processes }, (_, process) => ({
    target,
    clients: clients.filter((_client, n) => n % processes === process),
    garbagePerSecond: garbagePerSecond / processes,
    replaysPerSecond: replaysPerSecond / processes,
    prefixes,
    forged,
  }))
}

/** Every kind starts at the first prefix again, so that each is spread as evenly as its number allows. */
const clientsOf = ({ crowd, prefixes }: Attack): (readonly [AttemptKind, number])[] =>
  ATTEMPT_KINDS.flatMap((kind) =>
    Array.from({ length: crowd[kind] ?? 0 }, (_, n) => [kind, n % (prefixes ?? 1)] as const),
  )
