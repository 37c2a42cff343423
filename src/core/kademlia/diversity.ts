// Diversity: identities are free to make but addresses are not, so no bucket and no lookup result may be filled from one place.
import type { Ip } from '../ip.ts'
import { neighbourhood } from '../address.ts'

/** How many of one IP address, and of one /24 or /48, are let in; both null: diversity is off. */
export interface Diversity {
  readonly perIpMax: number | null
  readonly perNeighbourhoodMax: number | null
  /** Whether peers on this very machine (127.0.0.1, ::1) are not counted. */
  readonly exemptThisMachine: boolean
}

/** At most 2 of one address and 5 of one neighbourhood, whatever the address. */
export const DIVERSITY_ON: Diversity = { perIpMax: 2, perNeighbourhoodMax: 5, exemptThisMachine: false }

/** No limit. */
export const DIVERSITY_OFF: Diversity = { perIpMax: null, perNeighbourhoodMax: null, exemptThisMachine: true }

/**
 * The limits a setting means: `auto` is off when every own address is 127.0.0.1 or ::1, and otherwise on, but for peers at these two
 * addresses: a client bound to every interface must be able to use a network that lives on ports of 127.0.0.1.
 */
export const diversityOf = (setting: 'auto' | 'on' | 'off', own: readonly Ip[]): Diversity => {
  if (setting === 'on') return DIVERSITY_ON
  if (setting === 'off' || (own.length > 0 && own.every(isThisMachine))) return DIVERSITY_OFF
  return { ...DIVERSITY_ON, exemptThisMachine: true }
}

/** Whether an address is one of the two that mean this machine and no other. */
export const isThisMachine = (ip: Ip): boolean => ip.ip === '127.0.0.1' || ip.ip === '::1'

/** Counts who is in, and says who may still come. Bounded by what its owner lets in. */
export class Crowd {
  readonly #limits: Diversity
  readonly #counts = new Map<string, number>()

  constructor(limits: Diversity, members: Iterable<Ip> = []) {
    this.#limits = limits
    for (const ip of members) this.add(ip)
  }

  admits(ip: Ip): boolean {
    const { perIpMax, perNeighbourhoodMax } = this.#limits
    if (this.#exempt(ip)) return true
    return this.#below(ip.ip, perIpMax) && this.#below(neighbourhood(ip), perNeighbourhoodMax)
  }

  add(ip: Ip): void {
    if (this.#exempt(ip)) return
    for (const key of [ip.ip, neighbourhood(ip)]) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  #exempt(ip: Ip): boolean {
    const { perIpMax, perNeighbourhoodMax, exemptThisMachine } = this.#limits
    return (perIpMax === null && perNeighbourhoodMax === null) || (exemptThisMachine && isThisMachine(ip))
  }

  #below(key: string, max: number | null): boolean {
    return max === null || (this.#counts.get(key) ?? 0) < max
  }
}
