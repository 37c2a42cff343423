// One QUIC connection in its endpoint's hands. Whoever works on its streams does so through it, so that the endpoint knows that there
// may be something to send or to hear.
//
//   half-open ──handshake finished──► established ──► closed       (half-open ─► closed when it fails)
import type { Address } from '../core/address.ts'
import type { Direction, HandshakeFailure } from '../core/counters.ts'
import type { ConnectionHandle, PeerId, StreamId } from '../core/ids.ts'
import type { DatagramSent } from '../core/quic/datagrams.ts'
import type { ConnectionOutput } from '../core/quic/outputs.ts'
import type { TlsPeer } from '../core/tls/session.ts'
import type { UdpSocket } from '../io/ports.ts'
import type { Connection } from './quic.ts'
import type { Due } from './schedule.ts'

/** What a connection tells about its streams. */
export type StreamOutput = Extract<ConnectionOutput, { kind: `stream-${string}` | 'streams-available' | 'peer-hears' }>

/** Hears about a connection's streams, in order. */
export interface StreamEvents {
  stream(output: StreamOutput, now: number): void
}

/** Where a connection stands. `failure` is why we gave it up, when we did. */
export type LinkState =
  | { readonly kind: 'half-open'; readonly deadline: number; readonly failure: HandshakeFailure | null }
  | { readonly kind: 'established'; readonly since: number }
  | { readonly kind: 'closed' }

/** What a link needs of its endpoint. */
export interface LinkOwner {
  touched(link: Link): void
  expired(link: Link, now: number): void
  /** The link's reader was armed. */
  armed(link: Link): void
}

/** What a link is made of. */
export interface LinkParts {
  readonly handle: ConnectionHandle
  readonly direction: Direction
  readonly remote: Address
  readonly connection: Connection
  /** The socket it begins with, and the number of that. */
  readonly socket: UdpSocket
  readonly local: number
  /** Whether the peer's address was validated before it began; a peer that finished its handshake is at its address in any case. */
  readonly isValidated: boolean
  /** When its first datagram came or was made. */
  readonly beganAt: number
  readonly owner: LinkOwner
}

/** Stream events kept for a reader that is not there yet; beyond it the connection is dropped. */
const HELD_EVENTS_MAX = 1024

/** One connection. Its datagrams, deadline and outputs are its endpoint's affair. */
export class Link implements Due {
  readonly handle: ConnectionHandle
  readonly direction: Direction
  /** Where the peer has proved to be; what is sent goes where its connection says. */
  remote: Address
  /** Where it began: whatever that came to is put down to this place. */
  readonly origin: Address
  readonly connection: Connection
  /** What it speaks through, but for challenges on other paths. */
  socket: UdpSocket
  local: number
  readonly isValidated: boolean
  readonly beganAt: number
  readonly #owner: LinkOwner
  state: LinkState
  /** What the peer has shown of itself, from the moment the handshake finished. */
  shown: TlsPeer | null = null
  /** Whether the gate's slot was kept: an Initial opened. */
  begun: boolean
  /** When the last datagram for it came. */
  heardAt: number
  /** Work it waits for. */
  working = 0
  /** Whether the endpoint has it on its list of links to drain. */
  touched = false
  #reader: StreamEvents | null = null
  /** Bounded by HELD_EVENTS_MAX. */
  #held: StreamOutput[] = []

  constructor(parts: LinkParts, deadline: number) {
    this.handle = parts.handle
    this.direction = parts.direction
    this.remote = this.origin = parts.remote
    this.connection = parts.connection
    this.socket = parts.socket
    this.local = parts.local
    this.isValidated = parts.isValidated
    this.beganAt = parts.beganAt
    this.#owner = parts.owner
    this.heardAt = parts.beganAt
    this.begun = parts.direction === 'outbound'
    this.state = { kind: 'half-open', deadline, failure: null }
  }

  /** The peer, where it has shown a raw public key: nodes show nothing else. */
  get peer(): { readonly peerId: PeerId } | null {
    return this.shown !== null && this.shown.peerId !== null ? this.shown : null
  }

  /** When it wants to be run: at its connection's timer, or at the end of its handshake's time. */
  get dueAt(): number {
    const at = this.connection.timerAt()
    return this.state.kind === 'half-open' ? Math.min(at, this.state.deadline) : at
  }

  /** Whether what is written can still be heard. A connection can be dead a turn before its end is told. */
  get alive(): boolean {
    return this.state.kind === 'established' && this.connection.isOpen
  }

  run(now: number): void {
    this.#owner.expired(this, now)
  }

  /** Arms the reader: it hears all stream events, those that came before included. */
  read(reader: StreamEvents, now: number): void {
    this.#reader = reader
    this.#owner.armed(this)
    for (const output of this.#held.splice(0)) reader.stream(output, now)
  }

  /** Hands a stream event to the reader. */
  emit(output: StreamOutput, now: number): void {
    if (this.#reader !== null) this.#reader.stream(output, now)
    else if (this.#held.length < HELD_EVENTS_MAX) this.#held.push(output)
    else this.drop()
  }

  // ── streams: as in core/quic/connection.ts ──

  open(bidirectional: boolean): StreamId | null {
    return this.connection.open(bidirectional)
  }

  prioritise(stream: StreamId): void {
    this.connection.prioritise(stream)
  }

  write(stream: StreamId, bytes: Uint8Array): number {
    const taken = this.connection.write(stream, bytes)
    this.#touch()
    return taken
  }

  unacknowledged(stream: StreamId): number {
    return this.connection.unacknowledged(stream)
  }

  finish(stream: StreamId): void {
    this.connection.finish(stream)
    this.#touch()
  }

  reset(stream: StreamId, code: number): void {
    this.connection.reset(stream, code)
    this.#touch()
  }

  readStream(stream: StreamId): Uint8Array | null {
    const bytes = this.connection.read(stream)
    this.#touch()
    return bytes
  }

  ended(stream: StreamId): boolean {
    return this.connection.ended(stream)
  }

  toEnd(stream: StreamId): number | null {
    return this.connection.toEnd(stream)
  }

  stop(stream: StreamId, code: number): void {
    this.connection.stop(stream, code)
    this.#touch()
  }

  sendDatagram(bytes: Uint8Array): DatagramSent {
    const sent = this.connection.sendDatagram(bytes)
    this.#touch()
    return sent
  }

  // ── the end ──

  close(code: number, reason: string, now: number): void {
    this.connection.close(code, reason, now)
    this.#touch()
  }

  /** Ends a handshake in progress that nobody needs any more, and tells the peer that nothing is wrong. */
  withdraw(now: number): void {
    this.connection.withdraw(now)
    this.#touch()
  }

  /** What is said to the endpoint's `judge`. */
  judged(isWanted: boolean, now: number): void {
    this.connection.judged(isWanted, now)
    this.#touch()
  }

  /** Ends a connection that is not wanted, with a transport code. */
  reject(code: number, reason: string, now: number): void {
    this.connection.reject(code, reason, now)
    this.#touch()
  }

  /** Forgets a connection without a word to the peer; a handshake in progress has then failed for `failure`. */
  drop(failure: HandshakeFailure = 'cancelled'): void {
    if (this.state.kind === 'half-open') this.state = { ...this.state, failure }
    this.connection.abandon()
    this.#touch()
  }

  /** Ends a handshake that somebody else's takes the place of, and says so. */
  displace(now: number): void {
    if (this.state.kind === 'half-open') this.state = { ...this.state, failure: 'displaced' }
    this.close(0, '', now)
  }

  keepAlive(everyMs: number | null): void {
    this.connection.keepAliveMs = everyMs
    this.#touch()
  }

  /** Gives a peer that dialled us a ticket to come back with. */
  giveTicket(now: number): void {
    this.connection.sendTicket(now)
    this.#touch()
  }

  /** Moves to another socket of its endpoint's, of which the endpoint has to know: `migrated` or `migration-failed` tells what becomes of it. */
  migrate(local: number, now: number): ReturnType<Connection['migrate']> {
    const begun = this.connection.migrate(local, now)
    this.#touch()
    return begun
  }

  renewIds(): void {
    this.connection.renewIds()
    this.#touch()
  }

  updateKeys(): void {
    this.connection.updateKeys()
    this.#touch()
  }

  #touch(): void {
    this.#owner.touched(this)
  }
}
