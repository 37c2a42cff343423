// The accepting end of a handshake (RFC 8446 appendix A.2, without resumption, HelloRetryRequest and early data):
//
//   expect-client-hello ─ServerHello … Certificate, sign work→ signing ─CertificateVerify, Finished→ expect-certificate
//     ─→ expect-certificate-verify ─verify work→ verifying ─valid→ expect-finished ─→ complete
//
// Any state goes to alert on a refusal and stays there; in complete every message is one. In signing no message can come yet,
// since the client knows nothing to answer; in verifying messages wait, as many as a handshake may have.
import { concat } from '../bytes.ts'
import type { Suite, WorkDone } from '../ports.ts'
import { ALERT, type Refusal, refuse, refused } from './alerts.ts'
import {
  encodeCode,
  encodeKeyShare,
  encodeProtocols,
  EXTENSION,
  type KeyShareEntry,
  RAW_PUBLIC_KEY,
  TLS13,
} from './extensions.ts'
import type { HandshakeMessage } from './handshake-buffer.ts'
import { checkConfig, Handshake, type Peer, signatureObjection, unexpected, workFailed } from './handshake.ts'
import { decodeClientHello, encodeServerHello, freshRandom } from './hello.ts'
import { finishedMessage, finishedObjection } from './finished.ts'
import { applicationSecrets, type HandshakeSecrets, handshakeSecrets } from './key-schedule.ts'
import {
  decodeCertificate,
  decodeCertificateVerify,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  encodeEncryptedExtensions,
  MESSAGE,
  signedContent,
} from './messages.ts'
import { type ClientOffer, judgeClientHello } from './negotiation.ts'
import type { Level, TlsConfig, TlsOutput, TlsSession } from './session.ts'
import { NODE_SUITES } from './suites.ts'

/** What a state carries once our flight is out: the secrets of the client's direction. */
interface Answered {
  readonly alpn: string
  /** The client's handshake traffic secret, under which its Finished is made. */
  readonly handshakeSecret: Uint8Array
  /** The client's application traffic secret, handed out when the client is proven. */
  readonly applicationSecret: Uint8Array
}

/** What a state carries once the client has named itself. */
interface Named {
  readonly answered: Answered
  readonly peer: Peer
}

type State =
  | { readonly kind: 'expect-client-hello' }
  | { readonly kind: 'signing'; readonly workId: number; readonly alpn: string; readonly secrets: HandshakeSecrets }
  | { readonly kind: 'expect-certificate'; readonly answered: Answered }
  | ({ readonly kind: 'expect-certificate-verify' } & Named)
  | ({ readonly kind: 'verifying'; readonly workId: number } & Named)
  | ({ readonly kind: 'expect-finished' } & Named)
  | { readonly kind: 'complete' }
  | Refusal

/** The message each state takes. */
const AWAITED: Readonly<Record<State['kind'], number | null>> = {
  'expect-client-hello': MESSAGE.clientHello,
  signing: null,
  'expect-certificate': MESSAGE.certificate,
  'expect-certificate-verify': MESSAGE.certificateVerify,
  verifying: null,
  'expect-finished': MESSAGE.finished,
  complete: null,
  alert: null,
}

/** The acceptor's TLS session. */
export class TlsServer implements TlsSession {
  readonly #config: TlsConfig
  readonly #handshake: Handshake
  #state: State = { kind: 'expect-client-hello' }

  constructor(config: TlsConfig) {
    checkConfig(config)
    this.#config = config
    this.#handshake = new Handshake(config.crypto)
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
    if (state.kind === 'signing' && work.kind === 'sign') return this.#enter(this.#signed(state, work.signature))
    if (state.kind === 'verifying' && work.kind === 'verify') {
      this.#enter(verified(state, work.valid))
      this.#advance()
    }
  }

  poll(): TlsOutput | null {
    return this.#handshake.poll()
  }

  /** Takes messages until one is incomplete or a signature must be verified. Bounded by the bytes received. */
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
      case 'expect-client-hello':
        return this.#clientHello(message)
      case 'expect-certificate':
        return this.#certificate(state, message)
      case 'expect-certificate-verify':
        return this.#certificateVerify(state, message)
      case 'expect-finished':
        return this.#finished(state, message)
      default:
        return unexpected(message.type, state.kind)
    }
  }

  #clientHello(message: HandshakeMessage): State {
    const { crypto, alpn, suites = NODE_SUITES } = this.#config
    const hello = decodeClientHello(message.body)
    const offer = refused(hello) ? hello : judgeClientHello(hello, { alpn, suites })
    if (refused(offer)) return offer
    const agreed = crypto.encapsulate(offer.group, offer.share)
    if (agreed === null) return refuse(ALERT.illegalParameter, 'a bad key share')
    const objection = this.#handshake.readFrom('handshake')
    if (objection !== null) return objection
    this.#handshake.record(message.bytes)
    this.#handshake.output({ kind: 'transport-parameters', bytes: offer.transportParameters.slice() })
    return this.#answer(offer, agreed.secret, { group: offer.group, share: agreed.share })
  }

  /** Everything up to our Certificate leaves at once: the flight fits what may be sent before validation only if none of it waits. */
  #answer({ suite, alpn }: ClientOffer, secret: Uint8Array, keyShare: KeyShareEntry): State {
    this.#handshake.agree(suite)
    this.#send('initial', serverHello(this.#config, suite, keyShare))
    const secrets = handshakeSecrets(this.#config.crypto, secret, this.#handshake.hash())
    this.#handshake.keys('handshake', 'write', secrets.server)
    this.#handshake.keys('handshake', 'read', secrets.client)
    const extensions = encryptedExtensions(this.#config, alpn)
    this.#send('handshake', concat(extensions, encodeCertificateRequest(), encodeCertificate(this.#config.publicKey)))
    const workId = this.#handshake.ask({ kind: 'sign', content: signedContent('server', this.#handshake.hash()) })
    return { kind: 'signing', workId, alpn, secrets }
  }

  #signed({ alpn, secrets }: State & { kind: 'signing' }, signature: Uint8Array): State {
    const objection = signatureObjection(signature)
    if (objection !== null) return objection
    const { crypto } = this.#config
    const verify = encodeCertificateVerify(signature)
    this.#handshake.record(verify)
    const finished = finishedMessage(crypto, { secret: secrets.server, transcriptHash: this.#handshake.hash() })
    this.#handshake.record(finished)
    this.#handshake.send('handshake', concat(verify, finished))
    const application = applicationSecrets(crypto, secrets.master, this.#handshake.hash())
    this.#handshake.keys('application', 'write', application.server)
    const answered = { alpn, handshakeSecret: secrets.client, applicationSecret: application.client }
    return { kind: 'expect-certificate', answered }
  }

  #certificate({ answered }: State & { kind: 'expect-certificate' }, message: HandshakeMessage): State {
    const publicKey = decodeCertificate(message.body, ALERT.certificateRequired)
    if (refused(publicKey)) return publicKey
    this.#handshake.record(message.bytes)
    const peer = { peerId: this.#config.crypto.peerId(publicKey), publicKey }
    return { kind: 'expect-certificate-verify', answered, peer }
  }

  #certificateVerify({ answered, peer }: Named, message: HandshakeMessage): State {
    const verify = decodeCertificateVerify(message.body)
    if (refused(verify)) return verify
    const content = signedContent('client', this.#handshake.hash())
    this.#handshake.record(message.bytes)
    const { signature } = verify
    const workId = this.#handshake.ask({ kind: 'verify', key: peer.publicKey, content, signature })
    return { kind: 'verifying', workId, answered, peer }
  }

  #finished({ answered, peer }: Named, message: HandshakeMessage): State {
    const { crypto } = this.#config
    const inputs = {
      secret: answered.handshakeSecret,
      transcriptHash: this.#handshake.hash(),
      sender: 'client',
    } as const
    const objection = finishedObjection(crypto, message.body, inputs) ?? this.#handshake.readFrom('application')
    if (objection !== null) return objection
    this.#handshake.keys('application', 'read', answered.applicationSecret)
    this.#handshake.complete(peer, answered.alpn)
    return { kind: 'complete' }
  }

  #send(level: Level, messages: Uint8Array): void {
    this.#handshake.record(messages)
    this.#handshake.send(level, messages)
  }
}

const verified = ({ answered, peer }: Named, valid: boolean): State =>
  valid
    ? { kind: 'expect-finished', answered, peer }
    : refuse(ALERT.decryptError, "the client's signature is not genuine")

const serverHello = (config: TlsConfig, suite: Suite, keyShare: KeyShareEntry): Uint8Array =>
  encodeServerHello({
    random: freshRandom(config.random),
    suite,
    extensions: [
      [EXTENSION.supportedVersions, encodeCode(TLS13)],
      [EXTENSION.keyShare, encodeKeyShare(keyShare)],
    ],
  })

const encryptedExtensions = (config: TlsConfig, alpn: string): Uint8Array =>
  encodeEncryptedExtensions([
    [EXTENSION.applicationProtocols, encodeProtocols([alpn])],
    [EXTENSION.serverCertificateType, Uint8Array.of(RAW_PUBLIC_KEY)],
    [EXTENSION.clientCertificateType, Uint8Array.of(RAW_PUBLIC_KEY)],
    [EXTENSION.quicTransportParameters, config.transportParameters],
  ])
