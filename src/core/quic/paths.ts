// The paths of one connection (RFC 9000 section 9). One is in use: what is said goes there. An acceptor follows its peer to another address
// as soon as the newest packet that says something comes from there, sends little to it until it has proved to be the peer's, and goes back
// to the last proven one when it does not. A dialler moves of its own will or its server's (section 9.6), to a path it has proved before.
//
//   unknown ──a packet opens──► known ──the newest that says something──► in use ──challenge answered──► proven: `migrated`
//                                  └───────◄── challenge not answered, and the last proven one is in use again ──┘
//
// Only `migrated` concerns others: before it nobody has shown that a connection is where its packets seem to come from.
import { type Address, sameAddress } from '../address.ts'
import { assert } from '../assert.ts'
import { sameBytes } from '../bytes.ts'
import type { Random } from '../ports.ts'
import type { ConnectionOutput } from './outputs.ts'
import { Path, type Place } from './path.ts'
import { preferredFor, type PreferredPlaces } from './preferred-address.ts'
import type { MtuMax } from './path-mtu.ts'
import type { Patience } from './path-validation.ts'
import type { Recovery } from './recovery.ts'
import type { RemoteIds } from './remote-ids.ts'
import { INITIAL_PTO_MS } from './rtt.ts'

/** Paths known at a time: the one in use, the last proven one, and two that are probed or that late packets come from. */
const PATHS_MAX = 4

/** Unknown addresses taken up: so many at once and one more every second, since each is worth a challenge and may be worth an event. */
const ADDRESSES = { burst: 8, everyMs: 1000 }

const NONE_WANTED = { path: null, isTold: false } as const

/** What paths are made with. */
export interface PathsConfig {
  readonly role: 'client' | 'server'
  readonly recovery: Recovery
  readonly ids: RemoteIds
  readonly random: Random
  readonly emit: (output: ConnectionOutput) => void
  /** The probe timeout of the path in use, in ms. */
  readonly ptoMs: () => number
  /** The largest datagrams to try. */
  readonly mtuMax: MtuMax
}

/** A packet that opened, as far as paths go by it. */
export interface PathPacket {
  readonly number: number
  /** It carries nothing but what says something about the path (section 9.1). */
  readonly isProbing: boolean
  readonly destinationId: Uint8Array
}

export class Paths {
  readonly #config: PathsConfig
  #current: Path
  /** The last path that was proven, while the one in use is not. */
  #proven: Path | null = null
  /** The path that others know of. */
  #announced: Path
  /** The path that a dialler moves to once it is proven, and whether it was told to or its server would rather have it so. */
  #wanted: { readonly path: Path; readonly isTold: boolean } | null = null
  /** Where a dialler goes when the handshake is confirmed, because its server would rather be spoken to there; null: nowhere. */
  #preferred: Address | null = null
  /** The path by another socket of an acceptor's that it follows its peer to once that is proven. */
  #awaited: Path | null = null
  /** All of them. Bounded by PATHS_MAX. */
  readonly #known: Path[] = []
  /**
   * The last one that an acceptor has forgotten though its peer may have moved there: its id stays, for whoever comes from there again. The path
   * in use may be dead, and then there would be none to answer with, nor a way to ask for another.
   */
  #forgotten: Path | null = null
  /** The highest number of a packet that said something. */
  #highest = -1
  /** When all the addresses taken up so far would have been, at the steady rate. */
  #takenUntil = -Infinity
  #isOpen = false
  #peerMaxBytes = 0
  #reset: { readonly token: Uint8Array; readonly remote: Address } | null = null

  constructor(config: PathsConfig, place: Place, isValidated: boolean) {
    const { ids, recovery } = config
    this.#config = config
    this.#current = new Path({ place, isValidated, id: ids.first, flow: recovery.flow, mtuMax: config.mtuMax })
    this.#announced = this.#current
    this.#known.push(this.#current)
  }

  checkInvariants(): void {
    assert(this.#known.length <= PATHS_MAX, 'paths are bounded')
    assert(this.#known.includes(this.#current), 'the path in use is known')
  }

  /** Paths, and the challenges asked and to be answered on them. */
  get count(): number {
    return this.#known.reduce((sum, path) => sum + 1 + path.challenges, 0)
  }

  /** The path in use. */
  get current(): Path {
    return this.#current
  }

  /** The handshake is done: larger datagrams may be looked for, up to what the peer takes. */
  begin(peerMaxBytes: number): void {
    this.#peerMaxBytes = peerMaxBytes
    this.#current.mtu.begin(peerMaxBytes)
  }

  /** A dialler's server would rather be spoken to elsewhere: there it goes when the handshake is confirmed, if it may. */
  prefer(places: PreferredPlaces): void {
    this.#preferred = preferredFor(this.#current.remote, places)
  }

  /** Whether a dialler has gone where its server would rather be spoken to. */
  get isPreferred(): boolean {
    return this.#preferred !== null && sameAddress(this.#current.remote, this.#preferred)
  }

  /** The handshake is confirmed: from now on either end may move (section 9). */
  open(now: number): void {
    this.#isOpen = true
    this.#current.afterHandshake()
    if (this.#preferred !== null) this.#want({ ...this.#preferred, local: this.#current.local }, false, now)
  }

  /** The path that a datagram came by: a new one, known only once `onPacket` is told; null where it is nobody's business. */
  of(place: Place, now: number): Path | null {
    const known = this.#known.find((path) => path.isAt(place))
    if (known !== undefined) return known
    // An acceptor does not move: a dialler hears nobody else (section 9).
    if (!this.#isOpen || this.#config.role === 'client' || !this.#mayTake(now)) return null
    // Nor can whoever speaks to its address have changed the family.
    if (place.family !== this.#current.remote.family) return null
    const path = new Path({ place, isValidated: false, id: null, flow: null, mtuMax: this.#config.mtuMax })
    path.afterHandshake()
    return path
  }

  isKnown(path: Path): boolean {
    return this.#known.includes(path)
  }

  /** A packet opened that came by `path`; the handshake is over. */
  onPacket(path: Path, packet: PathPacket, now: number): void {
    path.onPacket(packet.destinationId)
    if (!this.isKnown(path)) this.#learn(path, now)
    if (packet.isProbing || packet.number < this.#highest) return
    this.#highest = packet.number
    this.#awaited = null
    if (path === this.#current) this.#forget(null)
    else if (this.#config.role === 'server') this.#follow(path, now)
  }

  /** An answer came, by whatever path. Those to nothing we asked are late, and no harm. */
  onResponse(data: Uint8Array, now: number): void {
    for (const path of this.#known) {
      const answered = path.validation?.answered(data) ?? null
      if (answered === null) continue
      path.validation = null
      // The address is proven but not that full datagrams pass: that is asked next (section 8.2.1).
      if (answered === 'small') path.validate(this.#patience(path), now)
      this.#onProven(path, now)
      return
    }
  }

  /** A dialler is told to use another path; false where none can be had yet: the peer gave no spare id. */
  migrate(place: Place, now: number): boolean {
    return this.#want(place, true, now)
  }

  #want(place: Place, isTold: boolean, now: number): boolean {
    if (!this.#isOpen || this.#known.some((path) => path.isAt(place)) || !this.#config.ids.hasSpare) return false
    const path = new Path({
      place,
      isValidated: true,
      id: this.#config.ids.take(),
      flow: null,
      mtuMax: this.#config.mtuMax,
    })
    path.afterHandshake()
    if (this.#wanted !== null) this.#drop(this.#wanted.path)
    this.#wanted = { path, isTold }
    this.#learn(path, now)
    return true
  }

  /** Uses another id of the peer's on the path in use, if there is one (section 9.5). */
  renewId(): boolean {
    const before = this.#current.id
    const next = this.#config.ids.take()
    if (next === null || before === null || this.#config.ids.isEmpty) return false
    this.#current.id = next
    this.#release(before)
    this.announceReset()
    return true
  }

  /** The peer has taken ids back: the paths that used them get others, the one in use first. */
  replaceIds(): void {
    const { ids } = this.#config
    for (const path of [this.#current, ...this.#known.filter((other) => other !== this.#current)]) {
      if (path.id === null || ids.has(path.id)) continue
      path.id = ids.take() ?? (path === this.#current ? this.#stolenId() : null) ?? path.id
    }
    this.announceReset()
  }

  /** A path beside the one in use on which something is to be asked or answered, or null. */
  probe(): Path | null {
    for (const path of this.#known) {
      if (path !== this.#current && path.pending && !path.isBlocked && this.#hasId(path)) return path
    }
    return null
  }

  /** A stateless reset ends in the token of the id that we send with, where it was proven to be the peer's place (section 10.3.1). */
  announceReset(): void {
    const token = this.#current.id?.resetToken ?? null
    const { remote } = this.#proven ?? this.#current
    const before = this.#reset
    if (before !== null && token !== null && sameBytes(before.token, token) && sameAddress(before.remote, remote))
      return
    this.#reset = token === null ? null : { token, remote }
    if (before !== null) this.#config.emit({ kind: 'reset-token', ...before, inUse: false })
    if (this.#reset !== null) this.#config.emit({ kind: 'reset-token', ...this.#reset, inUse: true })
  }

  // ── time ──

  /** When `timeout` has to be called; Infinity for never. */
  timerAt(): number {
    let at = Infinity
    for (const path of this.#known) at = Math.min(at, path.dropAt, path.validation?.timerAt ?? Infinity)
    return at
  }

  timeout(now: number): void {
    // A path that is dropped is taken out meanwhile.
    for (const path of this.#known.toReversed()) {
      if (path.validation !== null && now >= path.validation.abandonAt) this.#onFailed(path)
      else path.validation?.timeout(now)
      if (now >= path.dropAt) this.#drop(path)
    }
  }

  // ── transitions ──

  #learn(path: Path, now: number): void {
    if (this.#config.role === 'server') this.#takenUntil = Math.max(this.#takenUntil, now) + ADDRESSES.everyMs
    if (this.#known.length >= PATHS_MAX) {
      const least = this.#known.find((other) => other !== this.#current && other !== this.#proven)
      if (least !== undefined) this.#drop(least)
    }
    this.#known.push(path)
    if (this.#forgotten?.isAt({ ...path.remote, local: path.local }) === true) {
      path.id = this.#forgotten.id
      this.#forget(null)
    }
    path.mtu.begin(this.#peerMaxBytes)
    path.dropAt = now + 2 * this.#patience(path).allMs
    path.validate(this.#patience(path), now)
  }

  #follow(path: Path, now: number): void {
    if (!this.#hasId(path)) return
    // From another socket of ours nothing goes but probes until the peer has proved to be there (section 9.6.2).
    if (path.local !== this.#current.local && !path.isValidated) {
      this.#awaited = path
      return
    }
    const before = this.#current
    if (before.isValidated) this.#proven = before
    this.#use(path)
    // Whoever forwards copies of packets must not keep us from the true path (section 9.3.3).
    if (before.isValidated) before.validate(this.#patience(before), now)
    else this.#drop(before)
    if (path.isValidated) this.#onProven(path, now)
    else path.validate(this.#patience(path), now)
  }

  #use(path: Path): void {
    const { recovery } = this.#config
    const before = this.#current
    if (path.flow === null && path.isBeside(before)) {
      path.flow = before.flow
      path.mtu = before.mtu
    }
    path.flow ??= recovery.newFlow(path.mtu.bytes)
    path.dropAt = Infinity
    path.isLeft = false
    recovery.moveTo(path.flow)
    this.#current = path
  }

  #onProven(path: Path, now: number): void {
    path.isValidated = true
    if (path === this.#wanted?.path) {
      this.#wanted = null
      this.#use(path)
    }
    if (path === this.#awaited) {
      this.#awaited = null
      return this.#follow(path, now)
    }
    if (path !== this.#current) return
    this.#proven = null
    if (path === this.#announced) return
    this.#announced = path
    for (const other of this.#known) {
      if (other === path) continue
      other.isLeft = other.flow !== null
      other.dropAt = Math.min(other.dropAt, now + 3 * this.#config.ptoMs())
    }
    this.announceReset()
    this.#config.emit({ kind: 'migrated', remote: path.remote, local: path.local })
  }

  #onFailed(path: Path): void {
    path.validation = null
    const { path: wanted, isTold } = this.#wanted ?? NONE_WANTED
    if (path === wanted) {
      this.#wanted = null
      this.#drop(path)
      if (isTold) this.#config.emit({ kind: 'migration-failed', local: path.local })
    }
    if (path.isValidated) return
    if (path === this.#current && this.#proven !== null) {
      this.#use(this.#proven)
      this.#proven = null
    }
    this.#drop(path)
  }

  #drop(path: Path): void {
    const index = this.#known.indexOf(path)
    if (path === this.#current || path === this.#proven || index < 0) return
    this.#known.splice(index, 1)
    if (path === this.#awaited) this.#awaited = null
    if (path.id === null || this.#known.some(({ id }) => id === path.id)) return
    if (this.#config.role === 'server' && !path.isLeft) this.#forget(path)
    else this.#release(path.id)
  }

  /** Keeps this path in mind, and gives back the id of the one that was. */
  #forget(path: Path | null): void {
    const id = this.#forgotten?.id ?? null
    this.#forgotten = path
    if (id !== null) this.#release(id)
  }

  // ── ids ──

  /** Whether a path has an id to send with, which it gets now if it has none. */
  #hasId(path: Path): boolean {
    const { ids } = this.#config
    if (path.id !== null && ids.has(path.id)) return true
    // Where the peer's id of ours is the same, its address was changed for it, and nobody learns more from ours (section 9.5).
    path.id = this.#sharesId(path) ? this.#current.id : ids.take()
    // Where it is needed elsewhere, the peer is asked for another.
    if (path.id === null) this.#forget(null)
    return path.id !== null
  }

  #sharesId(path: Path): boolean {
    const { arrivedWith: ours, local } = path
    const { arrivedWith: theirs } = this.#current
    return local === this.#current.local && ours !== null && theirs !== null && sameBytes(ours, theirs)
  }

  #release(id: NonNullable<Path['id']>): void {
    if (![...this.#known, this.#forgotten].some((path) => path?.id === id)) this.#config.ids.retire(id)
  }

  /** The id of a path that is given up for the one in use. */
  #stolenId(): Path['id'] {
    const { ids } = this.#config
    const other = this.#known.find((path) => path !== this.#current && path.id !== null && ids.has(path.id))
    const id = other?.id ?? null
    if (other !== undefined) other.id = null
    return id
  }

  #mayTake(now: number): boolean {
    return this.#takenUntil - now <= (ADDRESSES.burst - 1) * ADDRESSES.everyMs
  }

  /** Three probe timeouts, but never less than three of a path that nothing is known of (section 8.2.4). */
  #patience(path: Path): Patience {
    const { recovery } = this.#config
    const isSame = path.flow === recovery.flow || path.isBeside(this.#current)
    const ptoMs = this.#config.ptoMs()
    return { firstMs: isSame ? ptoMs : INITIAL_PTO_MS, allMs: 3 * Math.max(ptoMs, INITIAL_PTO_MS) }
  }
}
