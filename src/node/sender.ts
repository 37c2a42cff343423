// Sends a request or message of ours: over the connection in use, and when that is dead or goes away before a byte was written, once
// over the next, which is dialled when there is none. What a write began is not repeated: the peer may have acted on it.
//
//   no-peer ──connection──► open ──stream──► write ──end written──► acknowledge ──acknowledged──► answer
//                            │ lost ─► the next connection, once
import { assert } from '../core/assert.ts'
import { SallyportError, type SendStage } from '../core/errors.ts'
import type { PeerId } from '../core/ids.ts'
import { abandonable } from './abandonable.ts'
import type { Channel } from './channel.ts'
import type { Loss } from './close-reasons.ts'
import type { CallOutcome, OutboundCall } from './outbound-call.ts'
import type { TransportParts } from './transport-parts.ts'

/** What goes onto a stream, and whom it is for. */
export interface Sending {
  readonly kind: 'request' | 'message'
  readonly peerId: PeerId
  /** Encoded. */
  readonly header: Uint8Array
  readonly payload: Uint8Array
}

/** How a sending ends that does not fail. */
export type Sent = Extract<CallOutcome, { kind: 'response' | 'acknowledged' }>

/** How long a caller waits (milliseconds), and what makes it stop earlier. */
interface Waiting {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

interface Until {
  readonly deadline: number
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** What became of one attempt. */
type Attempt = Sent | { readonly kind: 'unsent'; readonly channel: Channel; readonly loss: Loss }

/** Resolves when some connection to the peer is identified. */
type AwaitIdentity = (peerId: PeerId, waiting: Waiting) => Promise<unknown>

/** Sends for one transport. */
export class Sender {
  readonly #parts: TransportParts
  readonly #awaitIdentity: AwaitIdentity

  constructor(parts: TransportParts, awaitIdentity: AwaitIdentity) {
    this.#parts = parts
    this.#awaitIdentity = awaitIdentity
  }

  /** Rejects with an error whose `stage` says how far it had come; TOO_LARGE without one when it can be sent to nobody. */
  async send(sending: Sending, waiting: Waiting): Promise<Sent> {
    const { limits, counters } = this.#parts
    if (sending.header.length + sending.payload.length > limits.messageBytesMax) {
      throw new SallyportError('TOO_LARGE', `a message has at most ${limits.messageBytesMax} bytes`)
    }
    const timeoutMs = waiting.timeoutMs ?? limits.requestTimeoutMs
    const until = { deadline: this.#now + timeoutMs, timeoutMs, signal: waiting.signal }
    const channel = await staged('no-peer', this.#inUse(sending.peerId, until))
    counters.requestsSent++
    const first = await this.#attempt(channel, sending, until)
    if (first.kind !== 'unsent') return first
    const next = await staged('open', this.#next(first, until))
    const second = await this.#attempt(next, sending, until)
    if (second.kind === 'unsent') throw second.loss.error.at('open')
    return second
  }

  async #attempt(channel: Channel, sending: Sending, { deadline, timeoutMs, signal }: Until): Promise<Attempt> {
    const { schedule, lifecycle } = this.#parts
    assert(channel.peerId === sending.peerId, 'a call goes onto a connection of the peer it is for')
    const timeout = {
      code: 'REQUEST_TIMEOUT',
      message: `no end of the ${sending.kind} within ${timeoutMs} ms`,
    } as const
    let call: OutboundCall | null = null
    const stage = (): SendStage => call?.stage ?? 'open'
    const running = abandonable<CallOutcome>({ schedule, deadline, timeout, signal }, (resolve) => {
      const begun = channel.call({ ...sending, finished: resolve })
      call = begun
      return (error) => begun.cancel(error)
    })
    const outcome = await running.catch((error: unknown) => Promise.reject(SallyportError.from(error).at(stage())))
    if (outcome.kind === 'failed') throw outcome.error.at(stage())
    if (outcome.kind !== 'lost') return outcome
    lifecycle.foundDead(channel)
    if (stage() !== 'open') throw outcome.loss.error.at(stage())
    return { kind: 'unsent', channel, loss: outcome.loss }
  }

  /** The channel in use to a peer; one that is only about to be identified is waited for. */
  async #inUse(peerId: PeerId, { timeoutMs, signal }: Until): Promise<Channel> {
    const { registry } = this.#parts
    if (registry.usable(peerId) === null && registry.pending(peerId)) {
      await this.#awaitIdentity(peerId, { timeoutMs, ...(signal === undefined ? {} : { signal }) })
    }
    const channel = this.#usable(peerId)
    if (channel === null) throw new SallyportError('NOT_CONNECTED', `there is no connection to ${peerId}`)
    return channel
  }

  /** Another connection to the same peer: one that is there, or one dialled where the last one led. */
  async #next({ channel, loss }: Attempt & { kind: 'unsent' }, { deadline, signal }: Until): Promise<Channel> {
    const { peerId, link } = channel
    const there = this.#usable(peerId)
    if (there !== null) return there
    if (!loss.anew) throw loss.error
    const patience = { timeoutMs: deadline - this.#now, signal }
    try {
      await this.#parts.dialler.dial({ address: link.remote, expected: peerId, insist: false }, patience)
    } catch (thrown) {
      const error = SallyportError.from(thrown)
      if (error.code === 'CANCELLED' && signal?.aborted === true) throw error
      const code = this.#now >= deadline ? 'REQUEST_TIMEOUT' : loss.error.code
      throw new SallyportError(code, `${loss.error.message}; dialling anew: ${error.message}`, error)
    }
    const dialled = this.#usable(peerId)
    if (dialled === null) throw loss.error
    return dialled
  }

  #usable(peerId: PeerId): Channel | null {
    const { lifecycle, registry } = this.#parts
    const info = registry.usable(peerId)
    return info === null ? null : lifecycle.channel(info.connection)
  }

  get #now(): number {
    return this.#parts.workshop.clock.now()
  }
}

const staged = async <Result>(stage: SendStage, promise: Promise<Result>): Promise<Result> => {
  try {
    return await promise
  } catch (error) {
    throw SallyportError.from(error).at(stage)
  }
}
