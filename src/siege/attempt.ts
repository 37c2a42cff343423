// One attempt of a silent client to get something for nothing: a handshake that is driven as far as its kind goes, and then left.
//
//   speaking ──as far as its kind goes──► silent ──► over        (speaking ─► over when it is turned away)
//
// It costs its own side as little as it can: one key share serves all attempts of a process, and the other's signature is not verified.
import type { Address } from '../core/address.ts'
import type { StreamId } from '../core/ids.ts'
import { ALPN, PROTOCOL_VERSION } from '../core/messages/codes.ts'
import { encodeControl } from '../core/messages/control.ts'
import { encodeRequestHeader } from '../core/messages/requests.ts'
import type { Work, WorkDone } from '../core/ports.ts'
import { QuicConnection } from '../core/quic/connection.ts'
import type { ConnectionOutput } from '../core/quic/outputs.ts'
import { LOCAL_ID_BYTES, parseHeader } from '../core/quic/packet.ts'
import type { Identity, Ports, Timer, UdpSocket } from '../io/ports.ts'
import { FILL_PROTOCOL } from './protocols.ts'
import { SILENCES } from './silence.ts'

/** Those of silence, and two that are gone as soon as they are connected: `vanish` before HELLO, `vanish-known` after it. */
export const ATTEMPT_KINDS = [...SILENCES, 'vanish', 'vanish-known'] as const
export type AttemptKind = (typeof ATTEMPT_KINDS)[number]

/** How an attempt ended: the other side ended it, or would not begin; or it left by itself. */
export type AttemptEnd = 'closed' | 'turned-away' | 'left'

/** What an attempt is made of; `finished` is told once when the handshake is done, `over` once at the end. */
export interface AttemptParts {
  readonly kind: AttemptKind
  readonly target: Address
  readonly socket: UdpSocket
  readonly identity: Identity
  readonly ports: Ports
  readonly finished: () => void
  readonly over: (end: AttemptEnd) => void
}

const DATAGRAM_BYTES_MAX = 1_500
/** More than any flight needs; below what would burst through a receive buffer. */
const DATAGRAMS_PER_TURN = 16
/** Requests of a `deaf` client: each is answered with as many bytes as the target makes, and none is ever acknowledged. */
const UNHEARD_REQUESTS = 16

type State = 'speaking' | 'silent' | 'over'

/** One attempt; it begins with its construction. */
export class Attempt {
  readonly #parts: AttemptParts
  readonly #connection: QuicConnection
  #state: State = 'speaking'
  #timer: Timer | null = null

  constructor(parts: AttemptParts) {
    this.#parts = parts
    const { identity, ports, target } = parts
    this.#connection = QuicConnection.connect(
      {
        role: 'client',
        crypto: ports.crypto,
        random: ports.random,
        publicKey: identity.publicKey,
        alpn: [ALPN],
        expectedPeer: null,
        remote: target,
      },
      ports.clock.now(),
    )
    this.#send()
    if (parts.kind === 'half-open') this.#state = 'silent'
    else if (this.#drives) this.#arm()
  }

  /** A datagram came from the target. */
  receive(bytes: Uint8Array, from: Address): void {
    const { kind, ports } = this.#parts
    const isUnheard = kind === 'half-open' || (this.#state === 'silent' && kind === 'deaf')
    if (this.#state === 'over' || isUnheard) return
    const isRetry = parseHeader(bytes, 0, LOCAL_ID_BYTES)?.form === 'retry'
    if (isRetry && this.#state === 'silent') return this.#end('turned-away')
    this.#connection.receive(bytes, from, ports.clock.now())
    this.#drain()
    if (this.#state !== 'speaking') return
    // Half-way kinds speak once more, after a Retry, which the connection has taken up; whatever else came was the answer.
    if (isRetry || this.#drives) this.#send()
    if (this.#drives) this.#arm()
    else this.#state = 'silent'
  }

  /** Leaves without a word. */
  leave(): void {
    this.#end('left')
  }

  /** Whether it is a connection like any other until the handshake is done. */
  get #drives(): boolean {
    const { kind } = this.#parts
    return kind !== 'half-open' && kind !== 'retry' && kind !== 'half-hello'
  }

  #drain(): void {
    const works: Work[] = []
    for (let output = this.#connection.poll(); output !== null; output = this.#connection.poll()) {
      if (output.kind === 'work') works.push(output.work)
      else this.#on(output)
    }
    for (const work of works) this.#work(work)
  }

  #on(output: ConnectionOutput): void {
    if (output.kind === 'closed') return this.#end('closed')
    if (output.kind !== 'established' || this.#state !== 'speaking') return
    this.#parts.finished()
    const { kind } = this.#parts
    if (kind === 'mute') return
    if (kind !== 'vanish') this.#greet()
    if (kind === 'deaf') for (let n = 0; n < UNHEARD_REQUESTS; n++) this.#ask(this.#connection.open(true))
    this.#send()
    if (kind === 'deaf') this.#state = 'silent'
    else this.#end('left')
  }

  /** Whose signature it is, an attacker does not ask. */
  #work(work: Work): void {
    const { identity, ports } = this.#parts
    const now = ports.clock.now()
    if (work.kind === 'verify') {
      this.#connection.done({ id: work.id, kind: 'verify', valid: true }, now)
      return this.#worked()
    }
    const done = (result: WorkDone): void => {
      if (this.#state === 'over') return
      this.#connection.done(result, ports.clock.now())
      this.#worked()
    }
    ports.workers.run({ work, identity, done })
  }

  #worked(): void {
    this.#drain()
    if (this.#state === 'over' || !this.#drives) return
    this.#send()
    this.#arm()
  }

  /** HELLO and HELLO_ACK without having heard any: it counts as connected from then on. */
  #greet(): void {
    const incarnation = new Uint8Array(8)
    this.#parts.ports.random.fill(incarnation)
    const hello = {
      version: PROTOCOL_VERSION,
      userAgent: 'siege',
      incarnation,
      capability: 'client',
      addresses: [],
      observed: null,
    } as const
    const control = this.#connection.open(false)
    if (control !== null) {
      this.#connection.prioritise(control)
      this.#connection.write(control, encodeControl({ kind: 'hello', hello }))
      this.#connection.write(control, encodeControl({ kind: 'hello-ack' }))
    }
  }

  #ask(stream: StreamId | null): void {
    if (stream === null) return
    this.#connection.write(stream, encodeRequestHeader({ protocol: FILL_PROTOCOL, target: null, count: null }))
    this.#connection.finish(stream)
  }

  /** Sends what there is to send: of half a ClientHello the first datagram. */
  #send(): void {
    const { kind, ports, socket, target } = this.#parts
    const most = kind === 'half-hello' ? 1 : DATAGRAMS_PER_TURN
    for (let n = 0; n < most; n++) {
      const datagram = new Uint8Array(DATAGRAM_BYTES_MAX)
      const length = this.#connection.transmit(datagram, ports.clock.now())
      if (length === 0) return
      socket.send(datagram.subarray(0, length), target, () => {})
    }
  }

  #arm(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#state === 'over' || (this.#state === 'silent' && this.#parts.kind === 'deaf')) return
    const at = this.#connection.timerAt()
    if (at < Infinity) this.#timer = this.#parts.ports.timers.at(at, () => this.#timeout())
  }

  #timeout(): void {
    this.#connection.timeout(this.#parts.ports.clock.now())
    this.#worked()
  }

  #end(end: AttemptEnd): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#timer?.cancel()
    this.#connection.abandon()
    this.#parts.over(end)
  }
}
