// What a node tells its logger. What its owner does has a line each; what peers do, or a disk, has a few lines and then one a minute, with the
// number of those left out; and what strangers do has none, but a sum once a minute. So nobody fills a disk by being turned away, however often.
import type { ReplicationStatus } from '../core/chunks/replication.ts'
import type { CounterSnapshot } from '../core/counters.ts'
import { SallyportError } from '../core/errors.ts'
import type { PeerId } from '../core/ids.ts'
import type { Timer } from '../io/ports.ts'
import type { ChunkTrouble } from './chunk-store.ts'
import { Digest, type Tally } from './digest.ts'
import type { TransportEvent } from './events.ts'
import type { Logger, LogFields, LogLevel } from './logger.ts'
import type { Time } from './within.ts'

/** Lines of one kind at once, and how long it takes, in milliseconds, until there may be one more. */
export const LINES_AT_ONCE = 10
export const LINE_EVERY_MS = 60_000

/** How often is looked whether there is something to sum up, in milliseconds. */
export const LOOK_EVERY_MS = 10_000

/** Characters of a reason, and of where in the program something failed, that are kept. */
const REASON_MAX = 300
const STACK_MAX = 2000

/** Kinds of lines that others cause; each has so many for itself. */
const KINDS = ['peer', 'handler', 'chunk'] as const
type Kind = (typeof KINDS)[number]

/** What a journal sums up. */
export interface Summed {
  counters(): CounterSnapshot
  /** Null where no chunks are held. */
  replication(): ReplicationStatus | null
}

/** The journal of one node; without a logger it does nothing at all. */
export class Journal {
  readonly #logger: Logger | null
  readonly #time: Time
  readonly #lines: Readonly<Record<Kind, Lines>>
  #summed: { readonly of: Summed; readonly strangers: Digest; readonly copies: Digest } | null = null
  #timer: Timer | null = null

  constructor(logger: Logger | null, time: Time) {
    this.#logger = logger
    this.#time = time
    const now = time.clock.now()
    this.#lines = { peer: new Lines(now), handler: new Lines(now), chunk: new Lines(now) }
  }

  /** The node listens; from now on is summed up what happens to it. */
  listening(fields: { readonly peerId: PeerId; readonly addresses: readonly string[] }, summed: Summed): void {
    this.#say('info', fields, 'listening')
    if (this.#logger === null) return
    const now = this.#now
    const strangers = new Digest(strangersOf(summed.counters()), now)
    this.#summed = { of: summed, strangers, copies: new Digest(copiesOf(summed.replication()), now) }
    this.#arm()
  }

  joined(fields: { readonly peers: number }): void {
    this.#say('info', fields, 'joined the network')
  }

  /** Whether somebody changed his mind, or nobody was to be reached. */
  notJoined(thrown: unknown): void {
    const { code, message } = SallyportError.from(thrown)
    const isEnded = code === 'CANCELLED' || code === 'CLOSED'
    this.#say(isEnded ? 'debug' : 'warn', { code, reason: cut(message) }, 'could not join the network')
  }

  closing(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#sumUp(true)
    this.#say('info', {}, 'closing')
  }

  /** `failure` is what could not be ended, or null. */
  closed(failure: SallyportError | null): void {
    if (failure === null) this.#say('info', {}, 'closed')
    else
      this.#say('warn', { code: failure.code, reason: cut(failure.message) }, 'closed, and something was left behind')
  }

  /** Something happened to a peer, or failed in the node. */
  event(event: TransportEvent): void {
    if (this.#logger === null) return
    switch (event.kind) {
      case 'connected':
      case 'migrated': {
        const { ip, port } = event.peer.remote
        return this.#caused('peer', 'debug', { peerId: event.peerId, ip, port }, event.kind)
      }
      case 'disconnected':
        return this.#caused('peer', 'debug', { peerId: event.peerId }, event.kind)
      case 'task-failed': {
        const { task, error } = event
        return this.#caused('handler', 'error', { ...task, ...failureOf(error) }, 'something that the node ran failed')
      }
      case 'lagged':
        return
    }
  }

  /** A chunk could not be kept, or not be read. */
  trouble({ what, address, error }: ChunkTrouble): void {
    const [level, message] = TROUBLES[what]
    this.#caused('chunk', level, { chunk: address, ...(error === null ? {} : failureOf(error)) }, message)
  }

  #caused(kind: Kind, level: LogLevel, fields: LogFields, message: string): void {
    const leftOut = this.#lines[kind].take(this.#now)
    if (leftOut !== null) this.#say(level, leftOut === 0 ? fields : { ...fields, leftOut }, message)
  }

  #sumUp(isLast: boolean): void {
    if (this.#summed === null) return
    const { of, strangers, copies } = this.#summed
    const now = this.#now
    const turned = strangers.take(strangersOf(of.counters()), { now, isLast })
    if (turned !== null) {
      const { seconds, by } = turned
      // Datagrams that are nobody's come to every open port.
      const isNoise = Object.keys(by).every((name) => name === 'dropped')
      this.#say(isNoise ? 'debug' : 'info', { seconds, ...by }, 'turned away, lost or failed')
    }
    const copied = copies.take(copiesOf(of.replication()), { now, isLast })
    if (copied !== null) {
      this.#say('info', { seconds: copied.seconds, ...copied.by, lag: of.replication()?.lag ?? 0 }, 'replicated chunks')
    }
  }

  #arm(): void {
    this.#timer = this.#time.timers.at(this.#now + LOOK_EVERY_MS, () => {
      this.#sumUp(false)
      this.#arm()
    })
  }

  #say(level: LogLevel, fields: LogFields, message: string): void {
    try {
      this.#logger?.[level](fields, message)
    } catch {
      // Whoever writes the log down is not to be what ends a node.
    }
  }

  get #now(): number {
    return this.#time.clock.now()
  }
}

/** The lines of one kind: LINES_AT_ONCE, and one more each LINE_EVERY_MS. */
class Lines {
  #left = LINES_AT_ONCE
  #at: number
  #leftOut = 0

  constructor(now: number) {
    this.#at = now
  }

  /** How many were left out before this one; null: this one is left out too. */
  take(now: number): number | null {
    const more = Math.floor((now - this.#at) / LINE_EVERY_MS)
    this.#left = Math.min(LINES_AT_ONCE, this.#left + more)
    this.#at += more * LINE_EVERY_MS
    if (this.#left === 0) {
      this.#leftOut++
      return null
    }
    const leftOut = this.#leftOut
    this.#left--
    this.#leftOut = 0
    return leftOut
  }
}

const TROUBLES: Readonly<Record<ChunkTrouble['what'], readonly [LogLevel, string]>> = {
  write: ['error', 'a chunk could not be written'],
  read: ['error', 'a chunk could not be read'],
  damaged: ['warn', 'a chunk was damaged on the disk, and removed'],
  full: ['warn', 'there was no room for a chunk'],
}

/** What is summed up of what strangers and peers do. A handshake withdrawn because both dialled at once has failed nobody. */
const strangersOf = (counters: CounterSnapshot): Tally => {
  const { refused, dropped, evicted, identityTimeouts, policyRefused, policyFailures } = counters
  const { badMessages, requestsBusy, streamsDisplaced, kernelDrops, udpErrors, taskFailures } = counters
  const { superseded: _, ...failed } = counters.handshakesFailed.inbound
  return {
    refused,
    dropped,
    failed,
    evicted,
    identityTimeouts,
    policyRefused,
    policyFailures,
    badMessages,
    requestsBusy,
    streamsDisplaced,
    kernelDrops,
    udpErrors,
    taskFailures,
  }
}

const copiesOf = (status: ReplicationStatus | null): Tally => {
  if (status === null) return {}
  const { sent, fetched, failed } = status
  return { sent, fetched, failed }
}

/** What went wrong; where in the program only of what was not foreseen. */
const failureOf = (error: SallyportError): LogFields => {
  const { code, message, cause } = error
  const { stack = '' } = cause instanceof Error ? cause : error
  return { code, reason: cut(message), ...(code === 'INTERNAL' ? { stack: stack.slice(0, STACK_MAX) } : {}) }
}

const cut = (text: string): string => text.slice(0, REASON_MAX)
