// What happens to peers and fails in the node, for whoever listens. Each subscriber has a bounded buffer of its own: a slow one misses events, is told how
// many and who is connected, and delays nobody: what it costs to tell is spent when it asks.
import type { SallyportError } from '../core/errors.ts'
import type { PeerId } from '../core/ids.ts'
import type { PeerInfo } from '../core/peers/connection-record.ts'
import type { Task } from './task-set.ts'

/**
 * For each peer `connected` and `disconnected` alternate, `connected` first. `task-failed`: something the node ran for itself or for a peer
 * threw, which ended that and nothing else. `lagged` stands for the `missed` events before it: `peers` are those connected when it is read,
 * each as its `connected` said it, and the events after it go on from there.
 */
export type TransportEvent =
  | { readonly kind: 'connected'; readonly peerId: PeerId; readonly peer: PeerInfo }
  /** The connection in use goes on at another address, which the peer has proved to be its own; only between the other two. */
  | { readonly kind: 'migrated'; readonly peerId: PeerId; readonly peer: PeerInfo }
  | { readonly kind: 'disconnected'; readonly peerId: PeerId }
  | { readonly kind: 'task-failed'; readonly task: Task; readonly error: SallyportError }
  | { readonly kind: 'lagged'; readonly missed: number; readonly peers: readonly PeerInfo[] }

/** What happened, before it is known who misses it. */
export type FeedEvent = Exclude<TransportEvent, { kind: 'lagged' }>

/** Subscribers at once; the first is dropped for the next. */
const SUBSCRIBERS_MAX = 256

/** The events of one node. */
export class EventFeed {
  readonly #eventsMax: number
  readonly #lagged: (missed: number) => void
  /** Bounded by SUBSCRIBERS_MAX. */
  readonly #subscribers = new Set<Subscriber>()
  /** Who is connected by the events so far. Bounded by connectionsMax, since each has a connection. */
  readonly #connected = new Map<PeerId, PeerInfo>()
  #closed = false

  constructor(eventsMax: number, lagged: (missed: number) => void) {
    this.#eventsMax = eventsMax
    this.#lagged = lagged
  }

  /** Tells every subscriber at once; runs nobody's code. */
  publish(event: FeedEvent): void {
    if (event.kind === 'connected' || event.kind === 'migrated') this.#connected.set(event.peerId, event.peer)
    else if (event.kind === 'disconnected') this.#connected.delete(event.peerId)
    for (const subscriber of this.#subscribers) if (!subscriber.push(event)) this.#lagged(1)
  }

  /** Events from now on, until the iterator is returned or the feed closes. */
  subscribe(): AsyncIterableIterator<TransportEvent> {
    const forget = (): void => void this.#subscribers.delete(subscriber)
    const subscriber = new Subscriber(this.#eventsMax, { forget, peers: () => [...this.#connected.values()] })
    const [first] = this.#subscribers
    if (this.#closed) subscriber.end()
    else this.#subscribers.add(subscriber)
    if (first !== undefined && this.#subscribers.size > SUBSCRIBERS_MAX) first.end()
    return subscriber
  }

  /** Every subscriber comes to its end after what it has buffered. */
  close(): void {
    this.#closed = true
    for (const subscriber of this.#subscribers) subscriber.end()
  }
}

type Result = IteratorResult<TransportEvent>
const DONE: Result = { done: true, value: undefined }

/** What a subscriber asks of its feed. */
interface Subscribed {
  forget(): void
  /** Who is connected by the events published so far. */
  peers(): readonly PeerInfo[]
}

class Subscriber implements AsyncIterableIterator<TransportEvent> {
  readonly #max: number
  readonly #feed: Subscribed
  /** Bounded by `#max`. */
  readonly #events: TransportEvent[] = []
  #missed = 0
  #ended = false
  /** Readers ahead of the events; only one of the two is ever not empty. Bounded by the calls of one consumer. */
  readonly #readers: ((result: Result) => void)[] = []

  constructor(max: number, feed: Subscribed) {
    this.#max = max
    this.#feed = feed
  }

  /** False when the event was missed. */
  push(event: TransportEvent): boolean {
    const reader = this.#readers.shift()
    if (reader !== undefined) {
      reader({ done: false, value: event })
      return true
    }
    if (this.#events.length < this.#max && this.#missed === 0) {
      this.#events.push(event)
      return true
    }
    this.#missed++
    return false
  }

  end(): void {
    this.#ended = true
    this.#feed.forget()
    for (const reader of this.#readers.splice(0)) reader(DONE)
  }

  async next(): Promise<Result> {
    const event = this.#events.shift() ?? this.#lag()
    if (event !== null) return { done: false, value: event }
    if (this.#ended) return DONE
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  async return(): Promise<Result> {
    this.#events.length = 0
    this.#missed = 0
    this.end()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #lag(): TransportEvent | null {
    const missed = this.#missed
    this.#missed = 0
    return missed === 0 ? null : { kind: 'lagged', missed, peers: this.#feed.peers() }
  }
}
