// The network between hosts: a datagram goes up its sender's line, through the sender's translator, over a path with its own latency and
// whatever is wrong with it at the time, through the receiver's translator and down the receiver's line to a socket, or is lost on the way.
import type { Address } from '../core/address.ts'
import type { Condition, Fate } from './condition.ts'
import { isLoopback, Nic, type NicOptions } from './nic.ts'
import { SeededRandom } from './random.ts'
import { latencyMs } from './regions.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** The largest datagram there is. */
const DATAGRAM_MAX = 65_507

/** Datagrams under way at once; more are lost and counted, so that a flood cannot take all memory. */
const UNDERWAY_MAX = 200_000

/** Within a host. */
const LOOPBACK_MS = 0.02

/** How far paths between two regions differ: a fifth to either side. */
const SPREAD = 0.2

/** More than what doubles lose over a virtual year, and nothing to any line. */
const ROUNDING_MS = 1e-6

/** A datagram as it is sent; its memory is the network's from now on. `source` is null where the host has no address that reaches `to`. */
export interface Parcel {
  readonly nic: Nic
  readonly source: Address | null
  readonly to: Address
  readonly bytes: Uint8Array
  /** When it is with the sender's system, which can be ahead of the world by the work of the turn. */
  readonly at: number
}

interface Path {
  readonly latencyMs: number
  /** What keeps its order does not arrive before this. */
  lastAt: number
}

/** The network of one world. */
export class Network {
  /** Cumulative. `lost` to conditions, `overflowed` at full queues and buffers, `filtered` by translators, `unreachable` without a receiver. */
  readonly counts = { sent: 0, bytes: 0, delivered: 0, lost: 0, overflowed: 0, filtered: 0, unreachable: 0 }
  readonly #timeline: Timeline
  readonly #trace: Trace
  readonly #seed: number
  /** By outer address. Bounded by the hosts there are. */
  readonly #places = new Map<string, Nic>()
  /** From sender to receiver. Bounded by the pairs that speak. */
  readonly #paths = new Map<Nic, Map<Nic, Path>>()
  /** What is wrong now. Bounded by the faults that overlap. */
  readonly #conditions = new Set<Condition>()
  #underway = 0

  /** @internal */
  constructor(timeline: Timeline, trace: Trace, seed: number) {
    this.#timeline = timeline
    this.#trace = trace
    this.#seed = seed
  }

  /** A new place; its addresses are nobody else's. @internal */
  attach(options: NicOptions): Nic {
    const nic = new Nic(options)
    for (const ip of nic.nat === null ? [nic.ip4, nic.ip6] : [nic.nat.outerIp]) {
      if (ip === null) continue
      if (this.#places.has(ip)) throw new Error(`two hosts cannot both be ${ip}`)
      this.#places.set(ip, nic)
    }
    return nic
  }

  /** Something goes wrong from now on; returns what ends it. */
  impose(condition: Condition): () => void {
    this.#conditions.add(condition)
    return () => {
      if (this.#conditions.delete(condition)) condition.ended?.()
    }
  }

  /** Used by sockets. @internal */
  carry(parcel: Parcel): void {
    const { nic, source, to, bytes, at } = parcel
    this.counts.sent++
    this.counts.bytes += bytes.length
    this.#trace.note(at, 'send', nic.name, bytes.length)
    if (source === null || bytes.length > DATAGRAM_MAX || to.port === 0) return void this.counts.unreachable++
    if (isLoopback(to.ip)) return this.#arriveAt(at + LOOPBACK_MS, () => this.#hand(nic, bytes, { from: source, to }))
    const left = nic.up.take(bytes.length, at)
    if (left === null) return void this.counts.overflowed++
    const from = nic.nat?.outbound(source, to, at) ?? source
    const receiver = this.#places.get(to.ip)
    if (receiver === undefined) return void this.counts.unreachable++
    this.#travel({ nic, receiver, from, to }, bytes, left)
  }

  #travel(way: Way, bytes: Uint8Array, left: number): void {
    const { nic, receiver } = way
    const path = this.#path(nic, receiver)
    if (this.#conditions.size === 0) {
      path.lastAt = Math.max(left + path.latencyMs, path.lastAt)
      return this.#arriveAt(path.lastAt, () => this.#arrive(way, bytes))
    }
    const fate: Fate = { bytes, lost: false, delayMs: 0, kept: null, unordered: false, copies: 1 }
    for (const condition of this.#conditions) {
      if (condition.covers(nic, receiver) && condition.strike(fate, left) && fate.lost) break
    }
    if (fate.lost) return void this.counts.lost++
    const at = left + path.latencyMs + fate.delayMs
    if (fate.kept === null) return this.#go(way, fate, { at, path })
    if (this.#underway >= UNDERWAY_MAX) return void this.counts.overflowed++
    this.#underway++
    fate.kept.push(() => {
      this.#underway--
      this.#go(way, fate, { at: Math.max(at, this.#timeline.now), path })
    })
  }

  #go(way: Way, fate: Fate, { at: earliest, path }: { readonly at: number; readonly path: Path }): void {
    const at = fate.unordered ? earliest : (path.lastAt = Math.max(earliest, path.lastAt))
    for (let copy = 1; copy <= fate.copies; copy++) {
      const own = copy === fate.copies ? fate.bytes : fate.bytes.slice()
      this.#arriveAt(at, () => this.#arrive(way, own))
    }
  }

  #arriveAt(at: number, arrive: () => void): void {
    if (this.#underway >= UNDERWAY_MAX) return void this.counts.overflowed++
    this.#underway++
    this.#timeline.at(at, () => {
      this.#underway--
      arrive()
    })
  }

  /** The receiver's line: an idle one hands over at once and is busy for as long as the datagram takes, a busy one when it comes to it. */
  #arrive(way: Way, bytes: Uint8Array): void {
    const { now } = this.#timeline
    const { receiver } = way
    const arrived = receiver.down.take(bytes.length, now)
    if (arrived === null) return void this.counts.overflowed++
    const begins = arrived - (bytes.length * 8) / receiver.down.bitsPerMs - ROUNDING_MS
    if (begins <= now) return this.#enter(way, bytes)
    this.#arriveAt(begins, () => this.#enter(way, bytes))
  }

  #enter({ receiver, from, to }: Way, bytes: Uint8Array): void {
    if (receiver.nat === null) return this.#hand(receiver, bytes, { from, to })
    const inner = receiver.nat.inbound(to.port, from, this.#timeline.now)
    if (inner === null) return void this.counts.filtered++
    this.#hand(receiver, bytes, { from, to: inner })
  }

  #hand(nic: Nic, bytes: Uint8Array, { from, to }: { readonly from: Address; readonly to: Address }): void {
    const socket = nic.receiver(to)
    if (socket === null) return void this.counts.unreachable++
    this.#trace.note(this.#timeline.now, 'receive', nic.name, bytes.length)
    if (socket.deliver(bytes, from)) this.counts.delivered++
    else this.counts.overflowed++
  }

  #path(from: Nic, to: Nic): Path {
    const paths = this.#paths.get(from) ?? new Map<Nic, Path>()
    this.#paths.set(from, paths)
    const known = paths.get(to)
    if (known !== undefined) return known
    // Its own stream, so that a path is what it is whoever spoke before; the way back is as long.
    const ends = [from.name, to.name].toSorted().join(' ')
    const spread = new SeededRandom(this.#seed, `path ${ends}`).between(1 - SPREAD, 1 + SPREAD)
    const path = { latencyMs: latencyMs(from.region, to.region) * spread, lastAt: 0 }
    paths.set(to, path)
    return path
  }
}

interface Way {
  readonly nic: Nic
  readonly receiver: Nic
  /** As the receiver sees it. */
  readonly from: Address
  readonly to: Address
}
