// The dialling end of a handshake (RFC 8446 appendix A.1, without resumption, HelloRetryRequest and early data):
//
//   start ─ClientHello→ expect-server-hello ─ServerHello→ expect-encrypted-extensions ─→ expect-certificate-request
//     ─→ expect-certificate ─→ expect-certificate-verify ─verify work→ verifying ─valid→ expect-finished
//     ─Finished, sign work→ signing ─Certificate, CertificateVerify, Finished→ complete
//
// Any state but complete goes to alert on a refusal and stays there; complete does so on a message other than NewSessionTicket.
// In verifying, messages wait, as many as a handshake may have; in signing none can come. A wrong peer is refused in
// expect-certificate, before it could learn our key.
import { concat } from '../bytes.ts'
import type { Group, KeyShare, WorkDone } from '../ports.ts'
import { ALERT, type Refusal, refuse, refused } from './alerts.ts'
import {
  encodeCertificateTypes,
  encodeCodes,
  encodeKeyShares,
  encodeProtocols,
  EXTENSION,
  MLDSA65,
  RAW_PUBLIC_KEY,
  TLS13,
} from './extensions.ts'
import type { HandshakeMessage } from './handshake-buffer.ts'
import { checkConfig, Handshake, type Peer, signatureObjection, unexpected, workFailed } from './handshake.ts'
import { decodeServerHello, encodeClientHello, freshRandom } from './hello.ts'
import { finishedMessage, finishedObjection } from './finished.ts'
import { applicationSecrets, type HandshakeSecrets, handshakeSecrets } from './key-schedule.ts'
import type { TrafficSecrets } from './key-schedule.ts'
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  decodeEncryptedExtensions,
  encodeCertificate,
  encodeCertificateVerify,
  MESSAGE,
  signedContent,
} from './messages.ts'
import { certificateRequestObjection, GROUPS, judgeEncryptedExtensions, judgeServerHello } from './negotiation.ts'
import type { Level, TlsConfig, TlsOutput, TlsSession } from './session.ts'
import { NODE_SUITES } from './suites.ts'

/** What a state carries once the key exchange is done. */
interface Keyed {
  readonly secrets: HandshakeSecrets
}

/** What a state carries once the protocol is agreed. */
interface Agreed extends Keyed {
  readonly alpn: string
}

/** What a state carries once the server has named itself. */
interface Named extends Agreed {
  readonly peer: Peer
}

type State =
  | { readonly kind: 'expect-server-hello'; readonly group: Group; readonly keyShare: KeyShare }
  | ({ readonly kind: 'expect-encrypted-extensions' } & Keyed)
  | ({ readonly kind: 'expect-certificate-request' } & Agreed)
  | ({ readonly kind: 'expect-certificate' } & Agreed)
  | ({ readonly kind: 'expect-certificate-verify' } & Named)
  | ({ readonly kind: 'verifying'; readonly workId: number } & Named)
  | ({ readonly kind: 'expect-finished' } & Named)
  | ({ readonly kind: 'signing'; readonly workId: number; readonly application: TrafficSecrets } & Named)
  | { readonly kind: 'complete' }
  | Refusal

/** The message each state takes; over QUIC a completed handshake is followed by tickets alone (RFC 9001 section 6). */
const AWAITED: Readonly<Record<State['kind'], number | null>> = {
  'expect-server-hello': MESSAGE.serverHello,
  'expect-encrypted-extensions': MESSAGE.encryptedExtensions,
  'expect-certificate-request': MESSAGE.certificateRequest,
  'expect-certificate': MESSAGE.certificate,
  'expect-certificate-verify': MESSAGE.certificateVerify,
  verifying: null,
  'expect-finished': MESSAGE.finished,
  signing: null,
  complete: MESSAGE.newSessionTicket,
  alert: null,
}

/** The dialler's TLS session; its ClientHello is queued at birth. */
export class TlsClient implements TlsSession {
  readonly #config: TlsConfig
  readonly #handshake: Handshake
  #state: State

  constructor(config: TlsConfig) {
    checkConfig(config)
    this.#config = config
    this.#handshake = new Handshake(config.crypto)
    const group = config.group ?? GROUPS[0]!
    const keyShare = config.crypto.keyShare(group)
    this.#state = { kind: 'expect-server-hello', group, keyShare }
    const hello = clientHello(config, group, keyShare.share)
    this.#handshake.record(hello)
    this.#handshake.send('initial', hello)
  }

  receive(level: Level, bytes: Uint8Array): void {
    if (this.#state.kind === 'alert' || bytes.length === 0) return
    const objection = this.#handshake.push(level, bytes)
    if (objection !== null) return this.#enter(objection)
    this.#advance()
  }

  done(work: WorkDone): void {
    const state = this.#state
    if ((state.kind !== 'verifying' && state.kind !== 'signing') || work.id !== state.workId) return
    if (work.kind === 'failed') return this.#enter(workFailed(work.reason))
    if (state.kind === 'signing' && work.kind === 'sign') this.#enter(this.#signed(state, work.signature))
    if (state.kind === 'verifying' && work.kind === 'verify') {
      this.#enter(verified(state, work.valid))
      this.#advance()
    }
  }

  poll(): TlsOutput | null {
    return this.#handshake.poll()
  }

  /** Takes messages until one is incomplete or work must be awaited. Bounded by the bytes received. */
  #advance(): void {
    while (this.#state.kind !== 'verifying' && this.#state.kind !== 'alert') {
      const message = this.#handshake.take()
      if (message === null) return
      this.#enter(message.kind === 'alert' ? message : this.#on(message))
    }
  }

  #enter(state: State): void {
    this.#state = state
    if (state.kind === 'alert') this.#handshake.output(state)
  }

  #on(message: HandshakeMessage): State {
    const state = this.#state
    if (message.type !== AWAITED[state.kind]) return unexpected(message.type, state.kind)
    switch (state.kind) {
      case 'expect-server-hello':
        return this.#serverHello(state, message)
      case 'expect-encrypted-extensions':
        return this.#encryptedExtensions(state, message)
      case 'expect-certificate-request':
        return this.#certificateRequest(state, message)
      case 'expect-certificate':
        return this.#certificate(state, message)
      case 'expect-certificate-verify':
        return this.#certificateVerify(state, message)
      case 'expect-finished':
        return this.#finished(state, message)
      default:
        // A ticket in complete: of no use without resumption.
        return state
    }
  }

  #serverHello(state: State & { kind: 'expect-server-hello' }, message: HandshakeMessage): State {
    const hello = decodeServerHello(message.body)
    const { suites = NODE_SUITES } = this.#config
    const choice = refused(hello) ? hello : judgeServerHello(hello, { suites, group: state.group })
    if (refused(choice)) return choice
    const secret = state.keyShare.agree(choice.share)
    if (secret === null) return refuse(ALERT.illegalParameter, 'a bad key share')
    const objection = this.#handshake.readFrom('handshake')
    if (objection !== null) return objection
    this.#handshake.agree(choice.suite)
    this.#handshake.record(message.bytes)
    const secrets = handshakeSecrets(this.#config.crypto, secret, this.#handshake.hash())
    this.#handshake.keys('handshake', 'write', secrets.client)
    this.#handshake.keys('handshake', 'read', secrets.server)
    return { kind: 'expect-encrypted-extensions', secrets }
  }

  #encryptedExtensions({ secrets }: Keyed, message: HandshakeMessage): State {
    const extensions = decodeEncryptedExtensions(message.body)
    const answer = refused(extensions) ? extensions : judgeEncryptedExtensions(extensions, this.#config.alpn)
    if (refused(answer)) return answer
    this.#handshake.record(message.bytes)
    this.#handshake.output({ kind: 'transport-parameters', bytes: answer.transportParameters.slice() })
    return { kind: 'expect-certificate-request', secrets, alpn: answer.alpn }
  }

  #certificateRequest({ secrets, alpn }: Agreed, message: HandshakeMessage): State {
    const extensions = decodeCertificateRequest(message.body)
    const objection = refused(extensions) ? extensions : certificateRequestObjection(extensions)
    if (objection !== null) return objection
    this.#handshake.record(message.bytes)
    return { kind: 'expect-certificate', secrets, alpn }
  }

  #certificate({ secrets, alpn }: Agreed, message: HandshakeMessage): State {
    const publicKey = decodeCertificate(message.body, ALERT.decodeError)
    if (refused(publicKey)) return publicKey
    const peerId = this.#config.crypto.peerId(publicKey)
    const { expectedPeer } = this.#config
    if (expectedPeer !== null && peerId !== expectedPeer) {
      return refuse(ALERT.certificateUnknown, `IDENTITY_MISMATCH: expected ${expectedPeer}, found ${peerId}`)
    }
    this.#handshake.record(message.bytes)
    return { kind: 'expect-certificate-verify', secrets, alpn, peer: { peerId, publicKey } }
  }

  #certificateVerify({ secrets, alpn, peer }: Named, message: HandshakeMessage): State {
    const verify = decodeCertificateVerify(message.body)
    if (refused(verify)) return verify
    const content = signedContent('server', this.#handshake.hash())
    this.#handshake.record(message.bytes)
    const { signature } = verify
    const workId = this.#handshake.ask({ kind: 'verify', key: peer.publicKey, content, signature })
    return { kind: 'verifying', workId, secrets, alpn, peer }
  }

  #finished({ secrets, alpn, peer }: Named, message: HandshakeMessage): State {
    const { crypto, publicKey } = this.#config
    const inputs = { secret: secrets.server, transcriptHash: this.#handshake.hash(), sender: 'server' } as const
    const objection = finishedObjection(crypto, message.body, inputs) ?? this.#handshake.readFrom('application')
    if (objection !== null) return objection
    this.#handshake.record(message.bytes)
    const application = applicationSecrets(crypto, secrets.master, this.#handshake.hash())
    // Our certificate is part of what is signed, but leaves together with the signature.
    this.#handshake.record(encodeCertificate(publicKey))
    const workId = this.#handshake.ask({ kind: 'sign', content: signedContent('client', this.#handshake.hash()) })
    return { kind: 'signing', workId, application, secrets, alpn, peer }
  }

  #signed({ secrets, application, alpn, peer }: State & { kind: 'signing' }, signature: Uint8Array): State {
    const objection = signatureObjection(signature)
    if (objection !== null) return objection
    const { crypto, publicKey } = this.#config
    const verify = encodeCertificateVerify(signature)
    this.#handshake.record(verify)
    const finished = finishedMessage(crypto, { secret: secrets.client, transcriptHash: this.#handshake.hash() })
    this.#handshake.send('handshake', concat(encodeCertificate(publicKey), verify, finished))
    this.#handshake.keys('application', 'write', application.client)
    this.#handshake.keys('application', 'read', application.server)
    this.#handshake.complete(peer, alpn)
    return { kind: 'complete' }
  }
}

const verified = ({ secrets, alpn, peer }: Named, valid: boolean): State =>
  valid
    ? { kind: 'expect-finished', secrets, alpn, peer }
    : refuse(ALERT.decryptError, "the server's signature is not genuine")

const clientHello = (config: TlsConfig, group: Group, share: Uint8Array): Uint8Array =>
  encodeClientHello({
    random: freshRandom(config.random),
    suites: config.suites ?? NODE_SUITES,
    extensions: [
      [EXTENSION.supportedVersions, encodeCodes([TLS13], 1)],
      [EXTENSION.supportedGroups, encodeCodes(GROUPS, 2)],
      [EXTENSION.signatureAlgorithms, encodeCodes([MLDSA65], 2)],
      [EXTENSION.serverCertificateType, encodeCertificateTypes([RAW_PUBLIC_KEY])],
      [EXTENSION.clientCertificateType, encodeCertificateTypes([RAW_PUBLIC_KEY])],
      [EXTENSION.applicationProtocols, encodeProtocols(config.alpn)],
      [EXTENSION.quicTransportParameters, config.transportParameters],
      [EXTENSION.keyShare, encodeKeyShares([{ group, share }])],
    ],
  })
