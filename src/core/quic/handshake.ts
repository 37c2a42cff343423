// Runs the TLS session of a connection (RFC 9001 section 4): CRYPTO bytes in order go in, and what it wants done is done to the parts,
// keys and transport parameters above all.
import type { Crypto, Group, Suite, WorkDone } from '../ports.ts'
import { AGAINST_QUIC, type Refusal } from '../tls/alerts.ts'
import { TlsClient } from '../tls/client.ts'
import { exportKeys, type ExportRequest } from '../tls/key-schedule.ts'
import { TlsServer } from '../tls/server.ts'
import type { TlsOutput, TlsPeer, TlsSession } from '../tls/session.ts'
import { announced, type Beginning, type QuicConfig } from './beginning.ts'
import type { Ending } from './ending.ts'
import type { Arrived } from './intake.ts'
import { packetKeyOf } from './keys.ts'
import type { ConnectionOutput } from './outputs.ts'
import { idObjection } from './own-parameters.ts'
import { confirm, type Parts } from './parts.ts'
import type { PreferredAddress } from './preferred-address.ts'
import { SPACES } from './recovery.ts'
import {
  CRYPTO_ERROR,
  INTERNAL_ERROR,
  PROTOCOL_VIOLATION,
  TRANSPORT_PARAMETER_ERROR,
  violation,
} from './transport-error.ts'
import { decodeParameters, encodeParameters } from './transport-parameters.ts'

/** What a handshake works on. */
export interface HandshakeParts {
  readonly parts: Parts
  readonly ending: Ending
  readonly emit: (output: ConnectionOutput) => void
  /** Works on a packet whose keys have come. */
  readonly replay: (packet: Arrived, now: number) => void
}

/** What both ends agreed on. */
export interface Negotiated {
  readonly alpn: string
  readonly suite: Suite
  readonly group: Group
}

/** One end of one connection's handshake. */
export class Handshake {
  readonly #crypto: Crypto
  readonly #originalId: Uint8Array
  readonly #followsPreferred: boolean
  readonly #tls: TlsSession
  readonly #to: HandshakeParts
  #peer: TlsPeer | null = null
  #suite: Suite | null = null
  #alpn: string | null = null
  #exporterSecret: Uint8Array | null = null
  #isResumed = false

  constructor(config: QuicConfig, beginning: Beginning, to: HandshakeParts) {
    this.#crypto = config.crypto
    this.#originalId = beginning.original
    this.#to = to
    this.#followsPreferred = config.followsPreferred ?? false
    const parameters = announced(config, beginning, to.parts.localIds)
    to.parts.observer?.parameters('local', parameters)
    const tls = { ...config, transportParameters: encodeParameters(parameters) }
    this.#tls = config.role === 'client' ? new TlsClient(tls) : new TlsServer(tls)
  }

  /** What was agreed on; null before the handshake is done. */
  get negotiated(): Negotiated | null {
    const { group } = this.#tls
    return this.#alpn === null || this.#suite === null || group === null
      ? null
      : { alpn: this.#alpn, suite: this.#suite, group }
  }

  /** The session gets the CRYPTO bytes that are in order by now. */
  feed(now: number): void {
    const { lifetime, spaces } = this.#to.parts
    for (const name of SPACES) {
      for (;;) {
        const bytes = spaces[name].readCrypto()
        if (bytes === null || !lifetime.isOpen) break
        this.#tls.receive(name, bytes)
        this.drain(now)
      }
    }
  }

  /** A result of work that the session asked for. */
  done(work: WorkDone, now: number): void {
    this.#tls.done(work)
    this.drain(now)
  }

  /** What the application says to a `judge` output. */
  judged(isWanted: boolean, now: number): void {
    this.#tls.judged(isWanted)
    this.drain(now)
  }

  /** The peer came back with an earlier session: nobody signed. */
  get isResumed(): boolean {
    return this.#isResumed
  }

  /** The application protocol that was agreed; null before the handshake is complete. */
  get alpn(): string | null {
    return this.#alpn
  }

  /** Gives the peer a ticket to come back with. */
  sendTicket(now: number): void {
    this.#tls.issueTicket()
    this.drain(now)
  }

  /** Keying material (RFC 8446 section 7.5); null before the handshake is complete, or where the configuration says nothing of it. */
  exportKeys(request: ExportRequest): Uint8Array | null {
    if (this.#exporterSecret === null || !this.#to.parts.progress.complete) return null
    return exportKeys(this.#crypto, this.#exporterSecret, request)
  }

  /** Does what the session wants done. */
  drain(now: number): void {
    const { held, lifetime } = this.#to.parts
    let newKeys = false
    for (let output = this.#tls.poll(); output !== null; output = this.#tls.poll()) {
      if (!lifetime.isOpen) return
      newKeys ||= output.kind === 'keys' && output.direction === 'read'
      this.#perform(output, now)
    }
    if (newKeys) for (const packet of held.take()) this.#to.replay(packet, now)
  }

  #perform(output: TlsOutput, now: number): void {
    const { parts, ending, emit } = this.#to
    switch (output.kind) {
      case 'send':
        parts.spaces[output.level].cryptoOut.write(output.bytes)
        return
      case 'keys':
        this.#suite = output.suite
        if (output.level === 'application') return parts.phases.install(output)
        parts.spaces[output.level].setKey(output.direction, packetKeyOf(this.#crypto, output.suite, output.secret))
        return
      case 'work':
        return emit({ kind: 'work', work: output.work })
      case 'transport-parameters':
        return this.#onParameters(output.bytes, now)
      case 'peer':
        this.#peer = output
        return
      case 'resumed':
        this.#isResumed = true
        return
      case 'judge':
      case 'key-log':
      case 'session':
        return emit(output)
      case 'exporter':
        this.#exporterSecret = output.secret
        return
      case 'complete':
        this.#alpn = output.alpn
        return this.#onComplete(now)
      case 'alert':
        return ending.violate(violation(codeOf(output), output.reason), now)
    }
  }

  #onParameters(encoded: Uint8Array, now: number): void {
    const { parts, ending } = this.#to
    const peer = decodeParameters(encoded, parts.role === 'client' ? 'server' : 'client')
    const seen = {
      role: parts.role,
      remote: parts.remoteIds.first.id,
      original: this.#originalId,
      retryId: parts.tokens.retryId,
    }
    const problem = peer === null ? 'malformed transport parameters' : idObjection(peer, seen)
    if (peer === null || problem !== null) {
      return ending.violate(violation(TRANSPORT_PARAMETER_ERROR, problem ?? ''), now)
    }
    parts.peer = peer
    parts.observer?.parameters('remote', peer)
    parts.remoteIds.first.resetToken = peer.statelessResetToken
    if (peer.preferredAddress !== null) this.#onPreferred(peer.preferredAddress, now)
    parts.paths.announceReset()
    if (peer.minAckDelayUs !== null) parts.ackFrequency.begin(peer.minAckDelayUs, 1000 * peer.maxAckDelayMs)
    parts.lifetime.agreeIdle(peer.maxIdleTimeoutMs)
    parts.datagrams.applyPeer(peer.maxDatagramFrameBytes)
    parts.streams.applyPeer({
      maxData: peer.initialMaxData,
      maxStreamDataBidiLocal: peer.initialMaxStreamDataBidiLocal,
      maxStreamDataBidiRemote: peer.initialMaxStreamDataBidiRemote,
      maxStreamDataUni: peer.initialMaxStreamDataUni,
      maxStreamsBidi: peer.initialMaxStreamsBidi,
      maxStreamsUni: peer.initialMaxStreamsUni,
    })
  }

  /** The id counts as one of the peer's wherever we go (RFC 9000 section 5.1.1). */
  #onPreferred(preferred: PreferredAddress, now: number): void {
    const { parts, ending } = this.#to
    const { id, resetToken } = preferred
    const breach = parts.remoteIds.onNew({ sequence: 1, retirePriorTo: 0, id, resetToken })
    if (breach !== null) return ending.violate(violation(TRANSPORT_PARAMETER_ERROR, breach.reason), now)
    if (this.#followsPreferred) parts.paths.prefer(preferred)
  }

  #onComplete(now: number): void {
    const { parts, ending, emit } = this.#to
    const peer = this.#peer
    if (peer === null) return ending.violate(violation(INTERNAL_ERROR, 'complete without a peer'), now)
    parts.progress.complete = true
    if (this.#alpn !== null) parts.observer?.agreed(this.#alpn)
    parts.path.isValidated = true
    parts.paths.begin(parts.peer.maxUdpPayloadBytes)
    if (parts.role === 'server') {
      parts.progress.doneOwed = true
      confirm(parts, now)
    }
    this.#peer = null
    emit({ ...peer, kind: 'established' })
  }
}

/** The code a connection ends with when TLS refuses. */
const codeOf = ({ alert }: Refusal): number => (alert === AGAINST_QUIC ? PROTOCOL_VIOLATION : CRYPTO_ERROR + alert)
