// The accepting end of a handshake (RFC 8446 appendix A.2, without early data):
//
//   expect-client-hello ─HelloRetryRequest→ expect-second-hello
//     ─ServerHello … Certificate, sign work→ signing ─CertificateVerify, Finished→ [expect-certificate
//     ─→ expect-certificate-verify ─verify work→ verifying ─valid→ [judging ─wanted→]] expect-finished ─→ complete
//
// A client whose ticket is taken up is answered by EncryptedExtensions and Finished at once: [judging] expect-finished.
// Any state goes to alert on a refusal and stays there; in complete every message is one. In signing no message can come yet,
// since the client knows nothing to answer; in verifying and judging messages wait, as many as a handshake may have. A node asks every
// client who it is, and retries nobody.
import { concat } from '../bytes.ts'
import type { Group, Suite, WorkDone } from '../ports.ts'
import { ALERT, type Refusal, refuse, refused } from './alerts.ts'
import {
  certificateRequest,
  NOBODY,
  peerOf,
  signatureObjection,
  signWork,
  verifyObjection,
  verifyWork,
} from './authentication.ts'
import { type ClientOffer, judgeClientHello } from './client-offer.ts'
import {
  encodeCode,
  encodeKeyShare,
  encodeProtocols,
  EXTENSION,
  type ExtensionList,
  type KeyShareEntry,
  TLS13,
} from './extensions.ts'
import { finishedMessage, finishedObjection } from './finished.ts'
import type { HandshakeMessage } from './handshake-buffer.ts'
import { Handshake, unexpected, workFailed } from './handshake.ts'
import { type ClientHello, decodeClientHello, encodeServerHello, freshRandom } from './hello.ts'
import { revealApplication, revealHandshake } from './key-log.ts'
import { applicationSecrets, type HandshakeSecrets, handshakeSecrets, resumptionSecret } from './key-schedule.ts'
import { encodeCertificateVerify, encodeEncryptedExtensions, MESSAGE } from './messages.ts'
import type { HashWith } from './pre-shared-key.ts'
import { holderOf, type Resumable, takeUp, type TakenUp, ticketFor } from './resumption.ts'
import { type Retried, retryRequest, secondHelloObjection } from './retry-request.ts'
import type { Level, TlsConfig, TlsOutput, TlsPeer, TlsSession } from './session.ts'
import { type Terms, termsOf } from './terms.ts'
import type { Ticket } from './tickets.ts'

/** What a state carries once our flight is out: the secrets of the client's direction. */
interface Answered {
  readonly alpn: string
  /** The type of certificate the client was asked for; null: it was not. */
  readonly clientType: number | null
  readonly suite: Suite
  readonly master: Uint8Array
  /** When a client signed that came back with a ticket, in wall time (ms); null: in this handshake. */
  readonly signedAt: number | null
  /** The client's handshake traffic secret, under which its Finished is made. */
  readonly handshakeSecret: Uint8Array
  /** The client's application traffic secret, handed out when the client is proven. */
  readonly applicationSecret: Uint8Array
}

/** What a state carries once the client has named itself. */
interface Named {
  readonly answered: Answered
  readonly peer: TlsPeer
}

type State =
  | { readonly kind: 'expect-client-hello' }
  | { readonly kind: 'expect-second-hello'; readonly retried: Retried }
  | {
      readonly kind: 'signing'
      readonly workId: number
      readonly offer: ClientOffer
      readonly secrets: HandshakeSecrets
    }
  | { readonly kind: 'expect-certificate'; readonly answered: Answered }
  | ({ readonly kind: 'expect-certificate-verify' } & Named)
  | ({ readonly kind: 'verifying'; readonly workId: number } & Named)
  | ({ readonly kind: 'judging' } & Named)
  | ({ readonly kind: 'expect-finished' } & Named)
  | { readonly kind: 'complete'; readonly resumable: Resumable | null }
  | Refusal

/** The message each state takes. */
const AWAITED: Readonly<Record<State['kind'], number | null>> = {
  'expect-client-hello': MESSAGE.clientHello,
  'expect-second-hello': MESSAGE.clientHello,
  signing: null,
  'expect-certificate': MESSAGE.certificate,
  'expect-certificate-verify': MESSAGE.certificateVerify,
  verifying: null,
  judging: null,
  'expect-finished': MESSAGE.finished,
  complete: null,
  alert: null,
}

/** The acceptor's TLS session. */
export class TlsServer implements TlsSession {
  readonly #config: TlsConfig
  readonly #terms: Terms
  readonly #handshake: Handshake
  group: Group | null = null
  #state: State = { kind: 'expect-client-hello' }

  constructor(config: TlsConfig) {
    this.#config = config
    this.#terms = termsOf(config)
    this.#handshake = new Handshake(config.crypto, this.#terms.bounds)
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
    if (state.kind === 'signing') {
      if (work.kind === 'sign') this.#enter(this.#signed(state, work.signature))
      return
    }
    this.#enter(verifyObjection(work, 'client') ?? this.#proven(state))
    this.#advance()
  }

  judged(isWanted: boolean): void {
    const state = this.#state
    if (state.kind !== 'judging') return
    this.#enter(isWanted ? { ...state, kind: 'expect-finished' } : UNWANTED)
    this.#advance()
  }

  issueTicket(): void {
    const state = this.#state
    if (state.kind !== 'complete' || state.resumable === null) return
    const ticket = ticketFor(this.#config, state.resumable)
    this.#state = { kind: 'complete', resumable: null }
    if (ticket !== null) this.#handshake.send('application', ticket)
  }

  poll(): TlsOutput | null {
    return this.#handshake.poll()
  }

  /** Takes messages until one is incomplete or an answer must be awaited. Bounded by the bytes received. */
  #advance(): void {
    while (this.#state.kind !== 'verifying' && this.#state.kind !== 'judging' && this.#state.kind !== 'alert') {
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
        return this.#clientHello(message, null)
      case 'expect-second-hello':
        return this.#clientHello(message, state.retried)
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

  #clientHello(message: HandshakeMessage, retried: Retried | null): State {
    const { crypto, alpn } = this.#config
    const hello = decodeClientHello(message.body)
    if (refused(hello)) return hello
    const problem = retried === null ? null : secondHelloObjection(hello, retried)
    const offer = problem ?? judgeClientHello(hello, alpn, this.#terms)
    if (refused(offer)) return offer
    this.#handshake.named(hello.random)
    if (offer.share === null) return this.#retry(offer, hello, message)
    const hashWith: HashWith = (bytes, hash) => this.#handshake.hashWith(bytes, hash)
    const taken = takeUp(hello, message.bytes, { config: this.#config, terms: this.#terms, offer, hashWith })
    if (taken !== null && refused(taken)) return taken
    const agreed = crypto.encapsulate(offer.group, offer.share)
    if (agreed === null) return refuse(ALERT.illegalParameter, 'a bad key share')
    const objection = this.#handshake.readFrom('handshake')
    if (objection !== null) return objection
    this.group = offer.group
    this.#handshake.record(message.bytes)
    this.#handshake.output({ kind: 'transport-parameters', bytes: offer.transportParameters.slice() })
    const keyShare = { group: offer.group, share: agreed.share }
    const secrets = this.#serverHello(offer, { secret: agreed.secret, keyShare, taken })
    return taken === null ? this.#answer(offer, secrets) : this.#welcome(offer, secrets, taken.ticket)
  }

  /** The first message of our flight, and the keys of the rest. */
  #serverHello({ suite }: ClientOffer, agreed: Agreed): HandshakeSecrets {
    this.#handshake.agree(suite)
    this.#send('initial', serverHello(this.#config, suite, agreed))
    const { crypto } = this.#config
    const preShared = agreed.taken?.ticket.secret ?? null
    const secrets = handshakeSecrets(crypto, agreed.secret, this.#handshake.hash(), preShared)
    revealHandshake(this.#handshake, this.#config, secrets)
    this.#handshake.keys('handshake', 'write', secrets.server)
    this.#handshake.keys('handshake', 'read', secrets.client)
    return secrets
  }

  /** The client has a group of ours, but sent no share of it. */
  #retry({ suite, group }: ClientOffer, first: ClientHello, message: HandshakeMessage): State {
    this.#handshake.record(message.bytes)
    this.#handshake.restart(suite)
    this.#send('initial', retryRequest(suite, group))
    return { kind: 'expect-second-hello', retried: { suite, group, first } }
  }

  /** Everything up to our Certificate leaves at once: the flight fits what may be sent before validation only if none of it waits. */
  #answer(offer: ClientOffer, secrets: HandshakeSecrets): State {
    const { credential, clientType } = offer
    const request = clientType === null ? [] : [certificateRequest(clientType)]
    const types = certificateTypes(offer)
    this.#send('handshake', concat(encryptedExtensions(this.#config, offer, types), ...request, credential.message))
    const workId = this.#handshake.ask(signWork(credential, 'server', this.#handshake.hash()))
    return { kind: 'signing', workId, offer, secrets }
  }

  /** A client that comes back: nothing is signed, and nothing is to be waited for. */
  #welcome(offer: ClientOffer, secrets: HandshakeSecrets, ticket: Ticket): State {
    const extensions = encryptedExtensions(this.#config, offer, [])
    this.#handshake.record(extensions)
    const answered = this.#finish(offer, secrets, { before: extensions, signedAt: ticket.signedAt })
    this.#handshake.output({ kind: 'resumed' })
    const peer = holderOf(ticket)
    return peer === NOBODY ? { kind: 'expect-finished', answered, peer } : this.#proven({ answered, peer })
  }

  #signed({ offer, secrets }: State & { kind: 'signing' }, signature: Uint8Array): State {
    const { credential, clientType } = offer
    const objection = signatureObjection(signature, credential)
    if (objection !== null) return objection
    const verify = encodeCertificateVerify({ scheme: credential.scheme, signature })
    this.#handshake.record(verify)
    const answered = this.#finish(offer, secrets, { before: verify, signedAt: null })
    return clientType === null
      ? { kind: 'expect-finished', answered, peer: NOBODY }
      : { kind: 'expect-certificate', answered }
  }

  /** The last of our flight, behind what was recorded already and leaves with it. */
  #finish(
    { suite, alpn, clientType }: ClientOffer,
    secrets: HandshakeSecrets,
    { before, signedAt }: { readonly before: Uint8Array; readonly signedAt: number | null },
  ): Answered {
    const { crypto } = this.#config
    const finished = finishedMessage(crypto, { secret: secrets.server, transcriptHash: this.#handshake.hash() })
    this.#handshake.record(finished)
    this.#handshake.send('handshake', concat(before, finished))
    const application = applicationSecrets(crypto, secrets.master, this.#handshake.hash())
    revealApplication(this.#handshake, this.#config, { master: secrets.master, application })
    this.#handshake.keys('application', 'write', application.server)
    return {
      alpn,
      clientType,
      suite,
      master: secrets.master,
      signedAt,
      handshakeSecret: secrets.client,
      applicationSecret: application.client,
    }
  }

  #certificate({ answered }: State & { kind: 'expect-certificate' }, message: HandshakeMessage): State {
    const none =
      this.#terms.client === 'required' ? refuse(ALERT.certificateRequired, 'the client shows no certificate') : NOBODY
    const type = answered.clientType ?? this.#terms.types[0] ?? 0
    const peer = peerOf(message.body, { type, crypto: this.#config.crypto, none })
    if (refused(peer)) return peer
    this.#handshake.record(message.bytes)
    return peer === NOBODY
      ? { kind: 'expect-finished', answered, peer }
      : { kind: 'expect-certificate-verify', answered, peer }
  }

  #certificateVerify({ answered, peer }: Named, message: HandshakeMessage): State {
    const transcriptHash = this.#handshake.hash()
    const work = verifyWork(message.body, { peer, signer: 'client', transcriptHash, trust: this.#terms.trust })
    if (work.kind === 'alert') return work
    this.#handshake.record(message.bytes)
    return { kind: 'verifying', workId: this.#handshake.ask(work), answered, peer }
  }

  #proven({ answered, peer }: Named): State {
    if (!this.#terms.isJudged) return { kind: 'expect-finished', answered, peer }
    this.#handshake.output({ kind: 'judge', peer })
    return { kind: 'judging', answered, peer }
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
    const { suite, alpn, master, signedAt } = answered
    this.#handshake.record(message.bytes)
    const secret = this.#config.tickets === undefined ? null : resumptionSecret(crypto, master, this.#handshake.hash())
    this.#handshake.keys('application', 'read', answered.applicationSecret)
    this.#handshake.complete(peer, alpn)
    return { kind: 'complete', resumable: secret === null ? null : { secret, suite, alpn, peer, signedAt } }
  }

  #send(level: Level, messages: Uint8Array): void {
    this.#handshake.record(messages)
    this.#handshake.send(level, messages)
  }
}

const UNWANTED = refuse(ALERT.certificateUnknown, 'the application does not want this peer')

/** What the key exchange came to, and the ticket that was taken up. */
interface Agreed {
  readonly secret: Uint8Array
  readonly keyShare: KeyShareEntry
  readonly taken: TakenUp | null
}

const serverHello = (config: TlsConfig, suite: Suite, { keyShare, taken }: Agreed): Uint8Array =>
  encodeServerHello({
    random: freshRandom(config.random),
    suite,
    extensions: [
      [EXTENSION.supportedVersions, encodeCode(TLS13)],
      [EXTENSION.keyShare, encodeKeyShare(keyShare)],
      ...(taken === null ? [] : [[EXTENSION.preSharedKey, encodeCode(taken.index)] as const]),
    ],
  })

/** The types of certificates that are shown and asked for, to a client that named some. */
const certificateTypes = ({ credential, clientType, sentTypes }: ClientOffer): ExtensionList => [
  ...(sentTypes.server ? [[EXTENSION.serverCertificateType, Uint8Array.of(credential.type)] as const] : []),
  ...(sentTypes.client && clientType !== null
    ? [[EXTENSION.clientCertificateType, Uint8Array.of(clientType)] as const]
    : []),
]

const encryptedExtensions = (config: TlsConfig, { alpn }: ClientOffer, types: ExtensionList): Uint8Array =>
  encodeEncryptedExtensions([
    [EXTENSION.applicationProtocols, encodeProtocols([alpn])],
    ...types,
    [EXTENSION.quicTransportParameters, config.transportParameters],
  ])
