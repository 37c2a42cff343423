// Who lately began what came to nothing: a handshake that was never finished, a connection on which nobody ever said who it was, or that
// soon fell silent. It is held against the host and, in larger numbers, the network, only where the address was validated, so that nobody can
// bring it upon another. Whoever did is not refused; newcomers without such a record go first.
import type { Random } from '../ports.ts'
import { KeyedHash } from './keyed-hash.ts'
import { RateSketch } from './rate-sketch.ts'
import { Source } from './source.ts'
import type { Ip } from '../ip.ts'

/**
 * Once is enough for others to go first for five minutes, which an honest host notices only while they do. Were it a minute, those who were kept
 * waiting would all be without a record again at the same time.
 */
const HOST = { perSecond: 1 / 300, burst: 1 }

/** A network with eight such hosts in a row, or with more than eight in five minutes. */
const NETWORK = { perSecond: 8 / 300, burst: 8 }

/** An eighth of them busy is a siege from a thousand hosts, and then one newcomer in 4,000 is mistaken for a suspect. */
const CELLS_PER_ROW = 8192

/** What was wasted by whom, in 512 KiB, which are there once something was. */
export class Wasted {
  readonly #hosts: RateSketch
  readonly #networks: RateSketch

  constructor(random: Random) {
    this.#hosts = new RateSketch(HOST, KeyedHash.random(random), CELLS_PER_ROW)
    this.#networks = new RateSketch(NETWORK, KeyedHash.random(random), CELLS_PER_ROW)
  }

  /** Something begun by `ip`, whose address was validated, came to nothing. More of it while it is a suspect adds nothing, to its network neither. */
  charge(ip: Ip, now: number): void {
    const source = new Source(ip)
    if (chargeOnce(this.#hosts, source.prefix('host'), now)) chargeOnce(this.#networks, source.prefix('network'), now)
  }

  /** Whether others go first. */
  isSuspect(ip: Ip, now: number): boolean {
    const source = new Source(ip)
    return !this.#hosts.admits(source.prefix('host'), now) || !this.#networks.admits(source.prefix('network'), now)
  }
}

/** Whether it was charged, as it is when nothing is held against it. */
const chargeOnce = (sketch: RateSketch, prefix: Uint8Array, now: number): boolean => {
  const admitted = sketch.admits(prefix, now)
  if (admitted) sketch.charge(prefix, now)
  return admitted
}
