// What the two ends of a handshake have in common: the level that is read, the bytes not yet understood, the transcript, the ids
// of work and the outputs. It knows no message; client.ts and server.ts hold the states and say what comes next.
import { assert } from '../assert.ts'
import { NO_BYTES } from '../bytes.ts'
import type { Crypto, Suite, Work } from '../ports.ts'
import { AGAINST_QUIC, ALERT, type Refusal, refuse } from './alerts.ts'
import { HandshakeBuffer, type HandshakeMessage } from './handshake-buffer.ts'
import { type KeyLogLabel, keyLogLine } from './key-log.ts'
import type { Level, TlsOutput, TlsPeer } from './session.ts'
import { type SuiteHash, SUITES } from './suites.ts'
import type { HandshakeBounds } from './terms.ts'
import { Transcript } from './transcript.ts'

/** Work a session asks for, without the id it gives. */
export type WorkAsked = Work extends infer W
  ? W extends { kind: 'sign' | 'verify' | 'verify-chain' }
    ? Omit<W, 'id'>
    : never
  : never

/** One end's book-keeping for one handshake. */
export class Handshake {
  #buffer: HandshakeBuffer
  readonly #bounds: HandshakeBounds
  readonly #transcript: Transcript
  /** Bounded by the handshake: each input adds at most eight, and a completed session adds one alert at most. */
  readonly #outputs: TlsOutput[] = []
  #readLevel: Level = 'initial'
  #suite: Suite | null = null
  #received = 0
  #lastWork = 0
  #clientRandom: Uint8Array = NO_BYTES

  constructor(crypto: Crypto, bounds: HandshakeBounds) {
    this.#bounds = bounds
    this.#buffer = new HandshakeBuffer(bounds.messageMax)
    this.#transcript = new Transcript(crypto, bounds.transcriptMax)
  }

  /** Takes CRYPTO bytes; refuses those of another level than is read now (RFC 9001 section 4.1.3), and a handshake that grows beyond all use. */
  push(level: Level, bytes: Uint8Array): Refusal | null {
    if (level !== this.#readLevel) {
      return refuse(AGAINST_QUIC, `${level} bytes while ${this.#readLevel} ones are read`)
    }
    if (level !== 'application') this.#received += bytes.length
    if (this.#received > this.#bounds.receivedMax) return refuse(ALERT.handshakeFailure, 'the handshake is too long')
    this.#buffer.push(bytes)
    return null
  }

  /** The next whole message, or null. */
  take(): HandshakeMessage | Refusal | null {
    return this.#buffer.take()
  }

  /** Reads another level from now on; bytes left over from the last one are refused (RFC 9001 section 4.1.3). */
  readFrom(level: Level): Refusal | null {
    if (!this.#buffer.empty) return refuse(AGAINST_QUIC, `bytes left over before the ${level} level`)
    this.#buffer = new HandshakeBuffer(this.#bounds.messageMax)
    this.#readLevel = level
    return null
  }

  /** Adds whole messages to the transcript: a peer's that was accepted, or ours to be sent later. */
  record(messages: Uint8Array): void {
    this.#transcript.add(messages)
  }

  /** Sends messages of ours; they must be recorded as well. */
  send(level: Level, messages: Uint8Array): void {
    this.#outputs.push({ kind: 'send', level, bytes: messages })
  }

  /** The cipher suite was agreed: its hash is the transcript's from now on. */
  agree(suite: Suite): void {
    this.#suite = suite
  }

  /** A HelloRetryRequest: what was recorded, the first ClientHello, counts by its digest from now on (RFC 8446 section 4.4.1). */
  restart(suite: Suite): void {
    this.#suite = suite
    this.#transcript.restart(SUITES[suite].hash)
  }

  /** Hands out the traffic secret of one level and direction. */
  keys(level: 'handshake' | 'application', direction: 'read' | 'write', secret: Uint8Array): void {
    this.#outputs.push({ kind: 'keys', level, direction, suite: this.#agreed, secret })
  }

  /** The ClientHello's random value, by which a log of keys names the session; it is copied. */
  named(clientRandom: Uint8Array): void {
    this.#clientRandom = clientRandom.slice()
  }

  /** Tells a secret to whoever logs keys. */
  log(label: KeyLogLabel, secret: Uint8Array): void {
    this.#outputs.push({ kind: 'key-log', line: keyLogLine(label, this.#clientRandom, secret) })
  }

  /** Asks for work; the id is counted up from 1. */
  ask(asked: WorkAsked): number {
    const work: Work = { id: ++this.#lastWork, ...asked }
    this.#outputs.push({ kind: 'work', work })
    return work.id
  }

  /** Queues an output that needs no book-keeping. */
  output(output: TlsOutput): void {
    this.#outputs.push(output)
  }

  /** Announces the authenticated peer and the end of the handshake, and gives back the memory of what that took. */
  complete(peer: TlsPeer, alpn: string): void {
    this.#outputs.push({ kind: 'peer', ...peer }, { kind: 'complete', alpn })
    this.#transcript.release()
    this.#clientRandom = NO_BYTES
  }

  /** The next output, or null. */
  poll(): TlsOutput | null {
    return this.#outputs.shift() ?? null
  }

  /** The digest of the transcript so far and a further message, which is not recorded. */
  hashWith(message: Uint8Array, hash: SuiteHash): Uint8Array {
    return this.#transcript.hashWith(message, hash)
  }

  /** The digest of the transcript so far, by the hash of the suite. */
  hash(): Uint8Array {
    return this.#transcript.hash(SUITES[this.#agreed].hash)
  }

  get #agreed(): Suite {
    assert(this.#suite !== null, 'a suite is agreed before it is used')
    return this.#suite
  }
}

/** The refusal of a message that no state awaits, or none any more. */
export const unexpected = (type: number, state: string): Refusal =>
  refuse(ALERT.unexpectedMessage, `message ${type} in state ${state}`)

/** The refusal when no worker could do what the handshake needs. */
export const workFailed = (reason: string): Refusal => refuse(ALERT.internalError, `work failed: ${reason}`)
