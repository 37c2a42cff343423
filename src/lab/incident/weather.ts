// What is wrong with the lines of the incident's network: some are dead for a while, and some strangers hear nothing any more of whom they met.
import { blocking } from '../../world/condition.ts'
import type { Nic } from '../../world/nic.ts'
import type { World } from '../../world/world.ts'

/** A stranger is deaf to whom it met for longer than anybody waits for it. */
const DEAF_MS = 30_000

/** The lines of one world. */
export class Weather {
  readonly #world: World
  /** Dead lines. Bounded by the hosts. */
  readonly #cut = new Set<Nic>()
  /** When each was alive again, or will be. Bounded by the hosts. */
  readonly #until = new Map<Nic, number>()
  /** Whom strangers do not hear, by their address, until when. Bounded by the strangers and the hosts. */
  readonly #unheard = new Map<Nic, Map<string, number>>()

  constructor(world: World) {
    this.#world = world
    world.network.impose(blocking((from, to) => this.#cut.has(from) || this.#cut.has(to) || this.#isUnheard(from, to)))
  }

  /** Nothing passes a line for so long. */
  cut(nic: Nic, ms: number): void {
    this.#cut.add(nic)
    this.#until.set(nic, this.#world.now + ms)
    this.#world.timeline.at(this.#world.now + ms, () => void this.#cut.delete(nic))
  }

  /** Whether a line was dead at any time in the last so many milliseconds. */
  wasCut(nic: Nic, ms: number): boolean {
    return this.#world.now - (this.#until.get(nic) ?? -Infinity) < ms
  }

  /** A stranger hears nothing any more from an address. */
  deafen(stranger: Nic, ip: string): void {
    const unheard = this.#unheard.get(stranger) ?? new Map<string, number>()
    this.#unheard.set(stranger, unheard)
    unheard.set(ip, this.#world.now + DEAF_MS)
  }

  #isUnheard(from: Nic, to: Nic): boolean {
    const until = this.#unheard.get(to)?.get(from.ip4 ?? '')
    return until !== undefined && this.#world.now < until
  }
}
