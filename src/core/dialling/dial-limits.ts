// When a transport dials. An address that failed is left alone for a moment, longer after each failure in a row, so that nobody's loop
// hammers at it; and so many dials a minute may go unanswered at one host, whoever asked for them, so that nobody who tells us addresses
// can aim us at a victim. A dial that ends with an identified peer counts for nothing, however many there are.
import { type Address, addressText, classify } from '../address.ts'
import type { PeerId } from '../ids.ts'
import { DialRate, hostOf } from './dial-rate.ts'
import { Pauses } from './pauses.ts'

/** Where to, and who has to be there; null takes whoever answers. */
export interface Destination {
  readonly address: Address
  readonly expected: PeerId | null
}

/** Settings of dialling; times in milliseconds. */
export interface DialSettings {
  readonly dialPauseMs: number
  readonly dialPauseMsMax: number
  readonly unansweredDialsMax: number
}

/** Addresses that failed, and hosts dialled, remembered at most; the one longest ago is forgotten for the next. */
const REMEMBERED_MAX = 4096

/** See the head of this file. On loopback there is no victim but ourselves: only failures count. */
export class DialLimits {
  /** By address, and by address and expected peer where another one answered. */
  readonly #pauses: Pauses
  readonly #rate: DialRate

  constructor({ dialPauseMs: firstMs, dialPauseMsMax: msMax, unansweredDialsMax: perMinute }: DialSettings) {
    this.#pauses = new Pauses({ firstMs, msMax, rowMs: msMax, placesMax: REMEMBERED_MAX })
    this.#rate = new DialRate({ perMinute, hostsMax: REMEMBERED_MAX })
  }

  /** When a dial may begin: `now` or later. */
  mayDialAt({ address, expected }: Destination, now: number): number {
    const failed = Math.max(this.#pauses.until(addressText(address)), this.#pauses.until(placeOf(address, expected)))
    const rated = isRated(address) ? this.#rate.mayDialAt(hostOf(address), now) : now
    return Math.max(now, failed, rated)
  }

  began({ address }: Destination, now: number): void {
    if (isRated(address)) this.#rate.began(hostOf(address), now)
  }

  /** The dial that began at `began` found its peer, or the peer came by itself. */
  answered({ address }: Destination, began: number): void {
    if (isRated(address)) this.#rate.giveBack(hostOf(address), began)
  }

  /** Nobody of use is at the address; or, for `another-peer`, not the expected one, which says nothing about the others. */
  failed({ address, expected }: Destination, how: 'no-use' | 'another-peer', now: number): void {
    this.#pauses.failed(how === 'no-use' ? addressText(address) : placeOf(address, expected), now)
  }

  /** A peer was identified at the address, or the caller wants it dialled nevertheless: its failures are forgotten. */
  forget({ address, expected }: Destination): void {
    this.#pauses.over(addressText(address))
    this.#pauses.over(placeOf(address, expected))
  }
}

const isRated = (address: Address): boolean => classify(address) !== 'loopback'

const placeOf = (address: Address, peer: PeerId | null): string => `${addressText(address)} ${peer ?? ''}`
