// The driver of the registry: hands it what happens to connections, and does what it says. It is the endpoint's acceptance: when
// `established` returns, the connection is registered, read, and its HELLO is queued.
import type { Address } from '../core/address.ts'
import { assert, unreachable } from '../core/assert.ts'
import { type HandshakeFailure, verdictsOf } from '../core/counters.ts'
import type { ConnectionHandle, PeerId } from '../core/ids.ts'
import { CLOSE, type CloseCode } from '../core/messages/codes.ts'
import type { Hello } from '../core/messages/hello.ts'
import { retryAfterReason } from '../core/messages/retry-after.ts'
import type { PeerInfo } from '../core/peers/connection-record.ts'
import { IdentityWaiters, type WaiterId, type WaitOutput, type WaitTarget } from '../core/peers/identity-waiters.ts'
import { RecentPeers } from '../core/peers/recent-peers.ts'
import { RECONCILE_EVERY_MS, reconcile } from '../core/peers/reconciler.ts'
import type { Registry, RegistryOutput } from '../core/peers/registry.ts'
import type { CloseReason } from '../core/quic/outputs.ts'
import type { Acceptance, Moved } from './acceptance.ts'
import { Channel, type ChannelOwner } from './channel.ts'
import { isGoodbye, isParting, lossOf } from './close-reasons.ts'
import type { Workshop } from './conversation.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Endpoint } from './endpoint.ts'
import type { EventFeed } from './events.ts'
import type { Link } from './link.ts'
import { admitted, NO_POLICY, type Policy } from './policy.ts'
import type { Due } from './schedule.ts'
import { identityOver } from './steps.ts'

/** Hears how handshakes and identities end; the dialler. */
export interface LifecycleObserver {
  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: CloseReason): void
  /** After the registry knows: the peer may still be connected otherwise. */
  lost(handle: ConnectionHandle, reason: CloseReason): void
  identified(info: PeerInfo): void
}

/** What the lifecycle is made of. `hello` makes our HELLO for a peer seen at an address. */
export interface LifecycleParts {
  readonly registry: Registry
  readonly events: EventFeed
  readonly workshop: Workshop
  readonly dispatcher: Dispatcher
  readonly hello: (remote: Address) => Hello
  /** Default: everybody may be here. */
  readonly policy?: Policy
}

/** Connections from their registration to their end. */
export class Lifecycle implements Acceptance, ChannelOwner {
  readonly workshop: Workshop
  readonly dispatcher: Dispatcher
  readonly #registry: Registry
  readonly #events: EventFeed
  readonly #hello: (remote: Address) => Hello
  readonly #policy: Policy
  readonly #waiters = new IdentityWaiters()
  /** Who is told of a wait's end. Bounded by WAITERS_MAX. */
  readonly #waiting = new Map<WaiterId, (output: WaitOutput) => void>()
  /** Bounded by connectionsMax. */
  readonly #channels = new Map<ConnectionHandle, Channel>()
  /** Who was announced as connected last. Bounded by connectionsMax. */
  readonly #announced = new Set<PeerId>()
  readonly #parted = new RecentPeers()
  readonly #registryDue: Due = { run: (now) => this.#registryTimeout(now) }
  readonly #waitersDue: Due = { run: (now) => this.#waitersTimeout(now) }
  readonly #reconcileDue: Due = { run: (now) => this.#reconcile(now) }
  #endpoint: Endpoint | null = null
  #observer: LifecycleObserver | null = null
  /** Request and message streams going on. */
  #streams = 0
  #onQuiet: (() => void)[] = []
  #applying = false

  constructor(parts: LifecycleParts) {
    this.#registry = parts.registry
    this.#events = parts.events
    this.workshop = parts.workshop
    this.dispatcher = parts.dispatcher
    this.#hello = parts.hello
    this.#policy = parts.policy ?? NO_POLICY
  }

  /** Joins the two halves that need each other; once, before anything happens. */
  attach(endpoint: Endpoint, observer: LifecycleObserver): void {
    this.#endpoint = endpoint
    this.#observer = observer
    this.workshop.schedule.set(this.#reconcileDue, this.#now + RECONCILE_EVERY_MS)
  }

  channel(handle: ConnectionHandle): Channel | null {
    return this.#channels.get(handle) ?? null
  }

  /** Runs a change of the registry that the node decides on, and does what follows. */
  change<Result>(run: (registry: Registry, now: number) => Result): Result {
    const result = run(this.#registry, this.#now)
    this.#apply()
    return result
  }

  /** Closes every connection to a peer, because its owner wants to; false when there was none left to close. */
  part(peerId: PeerId): boolean {
    this.#parted.remember(peerId, this.#now)
    return this.change((registry) => registry.disconnect(peerId, CLOSE.noError))
  }

  /** Whether one of the ends wanted to part a moment ago, and they have not met since. */
  hasParted(peerId: PeerId): boolean {
    return this.#parted.has(peerId, this.#now)
  }

  /** Sending found a connection whose end was not told yet: it goes at once, and its endpoint tells what is left to tell. */
  foundDead(channel: Channel): void {
    const { handle, alive } = channel.link
    if (alive || this.#channels.get(handle) !== channel) return
    this.lost(handle, { kind: 'abandoned' })
    channel.link.close(CLOSE.noError, '', this.#now)
  }

  /** A connection gives way to a newcomer: there are too many. */
  evict(handle: ConnectionHandle, retryAfterMs: number): void {
    this.change((registry) => registry.close(handle, CLOSE.overloaded, retryAfterReason(retryAfterMs)))
  }

  /** Begins to wait for an identity; null when too many wait. `ended` is called once, unless the wait is cancelled. */
  wait(target: WaitTarget, deadline: number, ended: (output: WaitOutput) => void): WaiterId | null {
    const waiter = this.#waiters.wait(target, deadline)
    if (waiter !== null) this.#waiting.set(waiter, ended)
    this.workshop.schedule.set(this.#waitersDue, this.#waiters.nextAt())
    return waiter
  }

  cancelWait(waiter: WaiterId): void {
    this.#waiters.cancel(waiter)
    this.#waiting.delete(waiter)
  }

  /** Ends every wait, for the node closes. */
  endWaits(): void {
    const ended = [...this.#waiting]
    this.#waiting.clear()
    for (const [waiter, tell] of ended) {
      this.#waiters.cancel(waiter)
      tell({ waiter, kind: 'closed' })
    }
  }

  /** Resolves when no request or message stream is open. */
  quiet(): Promise<void> {
    if (this.#streams === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onQuiet.push(resolve))
  }

  /** Throws when registry and endpoint differ; between two turns they never do. */
  checkInvariants(): void {
    const { unknown, vanished } = reconcile(this.#registry.handles(), this.#endpoint?.handles() ?? [])
    assert(unknown.length + vanished.length === 0, 'registry and endpoint have the same connections')
  }

  // ── what the endpoint tells ──

  established(link: Link, now: number): void {
    assert(link.peer !== null, 'an established connection has a peer')
    const { handle, direction, remote, peer } = link
    const { registered, reading } = this.workshop.counters
    const [registeredBefore, readingBefore] = [registered[direction], reading[direction]]
    const channel = new Channel(link, this)
    this.#channels.set(handle, channel)
    this.#registry.established({ handle, direction, remote, peerId: peer.peerId }, now)
    channel.open(now)
    const isBoth = registered[direction] === registeredBefore + 1 && reading[direction] === readingBefore + 1
    assert(isBoth, 'a connection is registered and read in the turn in which its handshake finished')
    this.#apply()
  }

  migrated(handle: ConnectionHandle, moved: Moved): void {
    this.#registry.migrated(handle, moved)
    this.#apply()
  }

  lost(handle: ConnectionHandle, reason: CloseReason): void {
    const channel = this.#channels.get(handle)
    this.#channels.delete(handle)
    if (isGoodbye(reason)) this.#registry.peerLeaves(handle, this.#now)
    this.#registry.lost(handle)
    // One of several connections, such as a dial that its caller gave up, is none to part by.
    if (isParting(reason) && channel !== undefined && this.#registry.usable(channel.peerId) === null)
      this.#parted.remember(channel.peerId, this.#now)
    channel?.end(lossOf(reason))
    this.#apply()
    this.#observer?.lost(handle, reason)
  }

  failed(handle: ConnectionHandle, failure: HandshakeFailure, reason: CloseReason): void {
    this.#registry.failed(handle)
    this.#waiters.gone(handle)
    this.#apply()
    this.#observer?.failed(handle, failure, reason)
  }

  // ── what channels tell ──

  hello(remote: Address): Hello {
    return this.#hello(remote)
  }

  identified(channel: Channel, hello: Hello): void {
    const { handle, direction, remote } = channel.link
    identityOver(channel.link, this.workshop)
    const peer: PeerInfo = { peerId: channel.peerId, connection: handle, direction, remote, hello }
    if (admitted(this.#policy, peer, this.workshop)) this.#registry.identified(handle, hello, this.#now)
    else this.#registry.close(handle, CLOSE.refused, 'policy')
    this.#apply()
  }

  goesAway(channel: Channel, code: CloseCode): void {
    this.#registry.peerGoesAway(channel.link.handle, code, this.#now)
    this.#apply()
  }

  violated(channel: Channel, code: CloseCode, reason: string): void {
    this.#registry.close(channel.link.handle, code, reason)
    this.#apply()
  }

  streamBegan(channel: Channel): void {
    this.#streams++
    if (!this.#channels.has(channel.link.handle)) return
    this.#registry.streamBegan(channel.link.handle, this.#now)
    this.#apply()
  }

  streamEnded(channel: Channel): void {
    this.#streams--
    if (this.#streams === 0) for (const resolve of this.#onQuiet.splice(0)) resolve()
    // A channel that ends takes its streams with it; the registry has forgotten them already.
    if (!this.#channels.has(channel.link.handle)) return
    this.#registry.streamEnded(channel.link.handle, this.#now)
    this.#apply()
  }

  // ── what the registry says ──

  /** Does all the registry and the waiters ask for; what is asked for meanwhile is done by the same loop. */
  #apply(): void {
    if (this.#applying) return
    this.#applying = true
    try {
      for (let output = this.#registry.poll(); output !== null; output = this.#registry.poll()) this.#perform(output)
    } finally {
      this.#applying = false
    }
    this.#tellWaiters()
    this.workshop.schedule.set(this.#registryDue, this.#registry.nextAt())
  }

  #perform(output: RegistryOutput): void {
    switch (output.kind) {
      case 'close':
        return this.#link(output.handle)?.close(output.code, output.reason, this.#now)
      case 'goaway':
        return this.#channels.get(output.handle)?.goAway(output.code)
      case 'keep-alive':
        return this.#link(output.handle)?.keepAlive(output.everyMs)
      case 'identified':
        // Not before: whoever gets a ticket has shown that it speaks our protocol, and that it may be here.
        if (output.info.direction === 'inbound') this.#link(output.info.connection)?.giveTicket(this.#now)
        this.#channels.get(output.info.connection)?.identified(output.info)
        this.#waiters.identified(output.info)
        return this.#observer?.identified(output.info)
      case 'migrated':
        this.#channels.get(output.info.connection)?.migrated(output.info)
        if (this.#registry.usable(output.info.peerId)?.connection !== output.info.connection) return
        return this.#events.publish({ kind: 'migrated', peerId: output.info.peerId, peer: output.info })
      case 'ended':
        this.#waiters.gone(output.handle)
        if (!this.#registry.pending(output.peerId)) this.#waiters.gone(output.peerId)
        return
      case 'connected':
        assert(!this.#announced.has(output.info.peerId), 'connected comes first, and after each disconnected')
        this.#announced.add(output.info.peerId)
        this.#parted.forget(output.info.peerId)
        return this.#events.publish({ kind: 'connected', peerId: output.info.peerId, peer: output.info })
      case 'disconnected':
        assert(this.#announced.delete(output.peerId), 'disconnected comes after each connected')
        return this.#events.publish({ kind: 'disconnected', peerId: output.peerId })
      default:
        unreachable(output)
    }
  }

  #tellWaiters(): void {
    for (let output = this.#waiters.poll(); output !== null; output = this.#waiters.poll()) {
      const ended = this.#waiting.get(output.waiter)
      this.#waiting.delete(output.waiter)
      ended?.(output)
    }
  }

  // ── time ──

  #registryTimeout(now: number): void {
    this.#registry.timeout(now)
    this.#apply()
  }

  #waitersTimeout(now: number): void {
    this.#waiters.timeout(now)
    this.#tellWaiters()
    this.workshop.schedule.set(this.#waitersDue, this.#waiters.nextAt())
  }

  /** Two owners that should agree are compared; a difference is a defect, counted and repaired. */
  #reconcile(now: number): void {
    const endpoint = this.#endpoint
    if (endpoint === null) return
    const { counters } = this.workshop
    assert(verdictsOf(counters) === counters.judged, 'each datagram judged had one verdict, and each was counted')
    const { unknown, vanished } = reconcile(this.#registry.handles(), endpoint.handles())
    counters.reconcilerDifferences += unknown.length + vanished.length
    for (const handle of unknown) endpoint.link(handle)?.drop()
    for (const handle of vanished) this.lost(handle, { kind: 'abandoned' })
    this.workshop.schedule.set(this.#reconcileDue, now + RECONCILE_EVERY_MS)
  }

  #link(handle: ConnectionHandle): Link | null {
    return this.#endpoint?.link(handle) ?? null
  }

  get #now(): number {
    return this.workshop.clock.now()
  }
}
