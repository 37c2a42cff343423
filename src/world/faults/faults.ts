// A schedule at work: each fault begins and ends at its time, how often each kind struck is counted, and healing ends all at once.
import type { Host } from '../host.ts'
import type { Happening } from '../timeline.ts'
import type { World } from '../world.ts'
import { FAULT_KINDS, type Fault, type FaultKind } from './fault.ts'
import { inflict, type Undo } from './inflict.ts'

/** What faults strike at. */
export interface FaultsParts {
  readonly world: World
  readonly hosts: readonly Host[]
  readonly restart: (host: Host) => void
}

/** The faults of one run. */
export class Faults {
  /** How often each kind changed something: a datagram's fate, a host, a call. */
  readonly strikes: Readonly<Record<FaultKind, number>>
  /** When the last one ended, in milliseconds of the world. */
  quietSince = 0
  readonly #parts: FaultsParts
  /** Bounded by the schedule. */
  readonly #ahead: Happening[] = []
  readonly #active = new Set<Undo>()

  constructor(schedule: readonly Fault[], parts: FaultsParts) {
    this.#parts = parts
    const strikes = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>
    this.strikes = strikes
    for (const fault of schedule) {
      this.#ahead.push(
        parts.world.timeline.at(fault.at, () => this.#begin(fault, (times) => (strikes[fault.kind] += times))),
      )
    }
  }

  /** Whether anything is wrong now. */
  get active(): boolean {
    return this.#active.size > 0
  }

  /** Ends every fault and lets none begin any more. */
  heal(): void {
    for (const happening of this.#ahead) happening.cancel()
    for (const undo of this.#active) undo()
  }

  #begin(fault: Fault, struck: (times: number) => void): void {
    const { world } = this.#parts
    world.trace.note(world.now, 'fault', fault.kind, fault.number)
    const cure = inflict(fault, { ...this.#parts, struck })
    const undo = (): void => {
      if (!this.#active.delete(undo)) return
      ends.cancel()
      cure()
      this.quietSince = world.now
    }
    const ends = world.timeline.at(fault.at + fault.forMs, undo)
    this.#active.add(undo)
  }
}
