// What the two ends of a handshake have in common: the level that is read, the bytes not yet understood, the transcript, the ids
// of work and the outputs. It knows no message; client.ts and server.ts hold the states and say what comes next.
import { assert } from '../assert.ts'
import { ascii } from '../bytes.ts'
import type { PeerId } from '../ids.ts'
import type { Crypto, Suite, Work } from '../ports.ts'
import { ALERT, type Refusal, refuse } from './alerts.ts'
import { HandshakeBuffer, type HandshakeMessage } from './handshake-buffer.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './raw-public-key.ts'
import type { Level, TlsConfig, TlsOutput } from './session.ts'
import { SUITES } from './suites.ts'
import { Transcript } from './transcript.ts'

/** Bytes a peer may send before the handshake is complete: its part is 6,900; the rest is room for foreign extensions. */
export const RECEIVED_BYTES_MAX = 9216

/** Encoded transport parameters we send: realistic ones take 60 to 80 bytes, and the server's first flight has little room. */
export const TRANSPORT_PARAMETERS_BYTES_MAX = 256

/** Names of application protocols we offer, with a length byte each. */
export const ALPN_BYTES_MAX = 240

/** Work a session asks for, without the id it gives. */
export type WorkAsked =
  | { readonly kind: 'sign'; readonly content: Uint8Array }
  | { readonly kind: 'verify'; readonly key: Uint8Array; readonly content: Uint8Array; readonly signature: Uint8Array }

/** Whom the certificate names; proven only once CertificateVerify is. */
export interface Peer {
  readonly peerId: PeerId
  readonly publicKey: Uint8Array
}

/** Throws on a configuration that could not be sent: a mistake of our own. */
export const checkConfig = ({ publicKey, transportParameters, alpn }: TlsConfig): void => {
  assert(publicKey.length === PUBLIC_KEY_BYTES, 'our public key is 1,952 bytes')
  assert(transportParameters.length <= TRANSPORT_PARAMETERS_BYTES_MAX, 'our transport parameters are at most 256 bytes')
  const names = alpn.map((name) => ascii(name))
  const bytes = names.reduce((sum, name) => sum + 1 + name.length, 0)
  assert(names.length > 0 && bytes <= ALPN_BYTES_MAX, 'our application protocols are 1 to 240 bytes')
  assert(
    names.every((name) => name.length > 0),
    'an application protocol has a name',
  )
}

/** One end's book-keeping for one handshake. */
export class Handshake {
  #buffer = new HandshakeBuffer()
  readonly #transcript: Transcript
  /** Bounded by the handshake: each input adds at most eight, and a completed session adds one alert at most. */
  readonly #outputs: TlsOutput[] = []
  #readLevel: Level = 'initial'
  #suite: Suite | null = null
  #received = 0
  #lastWork = 0

  constructor(crypto: Crypto) {
    this.#transcript = new Transcript(crypto)
  }

  /** Takes CRYPTO bytes; refuses those of another level than is read now, and a handshake that grows beyond all use. */
  push(level: Level, bytes: Uint8Array): Refusal | null {
    if (level !== this.#readLevel) {
      return refuse(ALERT.unexpectedMessage, `${level} bytes while ${this.#readLevel} ones are read`)
    }
    if (level !== 'application') this.#received += bytes.length
    if (this.#received > RECEIVED_BYTES_MAX) return refuse(ALERT.handshakeFailure, 'the handshake is too long')
    this.#buffer.push(bytes)
    return null
  }

  /** The next whole message, or null. */
  take(): HandshakeMessage | Refusal | null {
    return this.#buffer.take()
  }

  /** Reads another level from now on; bytes left over from the last one are refused (RFC 8446 section 5.1). */
  readFrom(level: Level): Refusal | null {
    if (!this.#buffer.empty) return refuse(ALERT.unexpectedMessage, `bytes left over before the ${level} level`)
    this.#buffer = new HandshakeBuffer()
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

  /** Hands out the traffic secret of one level and direction. */
  keys(level: 'handshake' | 'application', direction: 'read' | 'write', secret: Uint8Array): void {
    this.#outputs.push({ kind: 'keys', level, direction, suite: this.#agreed, secret })
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

  /** Announces the authenticated peer and the end of the handshake, and gives the transcript's memory back. */
  complete(peer: Peer, alpn: string): void {
    this.#outputs.push({ kind: 'peer', ...peer }, { kind: 'complete', alpn })
    this.#transcript.release()
  }

  /** The next output, or null. */
  poll(): TlsOutput | null {
    return this.#outputs.shift() ?? null
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

/** What is wrong with a signature our own workers made, or null. */
export const signatureObjection = (signature: Uint8Array): Refusal | null =>
  signature.length === SIGNATURE_BYTES ? null : refuse(ALERT.internalError, 'our signature has a wrong length')

/** The refusal of a message that no state awaits, or none any more. */
export const unexpected = (type: number, state: string): Refusal =>
  refuse(ALERT.unexpectedMessage, `message ${type} in state ${state}`)

/** The refusal when no worker could do what the handshake needs. */
export const workFailed = (reason: string): Refusal => refuse(ALERT.internalError, `work failed: ${reason}`)
