// The dialling end of a handshake (RFC 8446 appendix A.1, without early data):
//
//   start ─ClientHello→ expect-server-hello ⇄ HelloRetryRequest, ClientHello, once
//     ─ServerHello→ expect-encrypted-extensions ─→ expect-certificate-request ─→ expect-certificate ─→ expect-certificate-verify
//     ─verify work→ verifying ─valid→ [judging ─wanted→] expect-finished
//     (a server that takes up an earlier session proves itself by that: from expect-encrypted-extensions to [judging] expect-finished)
//     ─Finished→ [sign work→ signing ─→] Certificate, CertificateVerify, Finished → complete
//
// Any state but complete goes to alert on a refusal and stays there; complete does so on a message other than NewSessionTicket.
// In verifying and judging, messages wait, as many as a handshake may have; in signing none can come. A wrong peer is refused in
// expect-certificate, before it could learn our key. A node's server always asks for our certificate; another need not.
import { concat } from '../bytes.ts'
import type { Group, Suite, WorkDone } from '../ports.ts'
import { AGAINST_QUIC, ALERT, type Refusal, refuse, refused } from './alerts.ts'
import {
  expectedObjection,
  peerOf,
  signatureObjection,
  signWork,
  verifyObjection,
  verifyWork,
} from './authentication.ts'
import { clientHello, freshShares, type HelloDraft } from './client-hello.ts'
import { finishedMessage, finishedObjection } from './finished.ts'
import type { HandshakeMessage } from './handshake-buffer.ts'
import { Handshake, unexpected, workFailed } from './handshake.ts'
import { decodeServerHello, freshRandom } from './hello.ts'
import { revealApplication, revealHandshake } from './key-log.ts'
import {
  applicationSecrets,
  type HandshakeSecrets,
  handshakeSecrets,
  resumptionSecret,
  type TrafficSecrets,
} from './key-schedule.ts'
import {
  decodeCertificateRequest,
  decodeEncryptedExtensions,
  encodeCertificate,
  encodeCertificateVerify,
  MESSAGE,
} from './messages.ts'
import { decodeSessionTicket, type HashWith, type ResumableSession } from './pre-shared-key.ts'
import { keptPeer, mayResume, type Resumable, sessionOf } from './resumption.ts'
import {
  judgeCertificateRequest,
  judgeEncryptedExtensions,
  judgeServerHello,
  type RetryRequest,
} from './server-answer.ts'
import type { Level, TlsConfig, TlsOutput, TlsPeer, TlsSession } from './session.ts'
import { SUITES } from './suites.ts'
import { type Credential, type Terms, termsOf } from './terms.ts'

/** What a state carries once the key exchange is done. */
interface Keyed {
  readonly secrets: HandshakeSecrets
  readonly suite: Suite
  /** The session we came back with; null: the server has to prove who it is. */
  readonly resumed: ResumableSession | null
}

/** What a state carries once the protocol and the types of certificates are agreed. */
interface Agreed extends Keyed {
  readonly alpn: string
  readonly serverType: number
  readonly clientType: number
}

/** What a state carries once it is clear what the server asks of us. */
interface Asked extends Agreed {
  /** What we show; `nothing` when nothing that we have is taken, null when the server did not ask. */
  readonly shown: Credential | 'nothing' | null
}

/** What a state carries once the server has named itself. */
interface Named extends Asked {
  readonly peer: TlsPeer
}

type State =
  | { readonly kind: 'expect-server-hello'; readonly draft: HelloDraft; readonly retried: Suite | null }
  | ({ readonly kind: 'expect-encrypted-extensions' } & Keyed)
  | ({ readonly kind: 'expect-certificate-request' } & Agreed)
  | ({ readonly kind: 'expect-certificate' } & Asked)
  | ({ readonly kind: 'expect-certificate-verify' } & Named)
  | ({ readonly kind: 'verifying'; readonly workId: number } & Named)
  | ({ readonly kind: 'judging' } & Named)
  | ({ readonly kind: 'expect-finished' } & Named)
  | ({
      readonly kind: 'signing'
      readonly workId: number
      readonly credential: Credential
      readonly application: TrafficSecrets
    } & Named)
  | { readonly kind: 'complete'; readonly resumable: Resumable | null; readonly ticketsLeft: number }
  | Refusal

/** The message each state takes; over QUIC a completed handshake is followed by tickets alone (RFC 9001 section 6). */
const AWAITED: Readonly<Record<State['kind'], number | null>> = {
  'expect-server-hello': MESSAGE.serverHello,
  'expect-encrypted-extensions': MESSAGE.encryptedExtensions,
  'expect-certificate-request': MESSAGE.certificateRequest,
  'expect-certificate': MESSAGE.certificate,
  'expect-certificate-verify': MESSAGE.certificateVerify,
  verifying: null,
  judging: null,
  'expect-finished': MESSAGE.finished,
  signing: null,
  complete: MESSAGE.newSessionTicket,
  alert: null,
}

/** The dialler's TLS session; its ClientHello is queued at birth. */
export class TlsClient implements TlsSession {
  readonly #config: TlsConfig
  readonly #terms: Terms
  readonly #handshake: Handshake
  group: Group | null = null
  #state: State

  constructor(config: TlsConfig) {
    this.#config = config
    this.#terms = termsOf(config)
    this.#handshake = new Handshake(config.crypto, this.#terms.bounds)
    const shares = freshShares(config.crypto, this.#terms.shares)
    const { resume: wanted = null } = config
    const resume = wanted !== null && mayResume(wanted, config, this.#terms) ? wanted : null
    this.#state = this.#hello({ random: freshRandom(config.random), shares, cookie: null, resume }, null)
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
    this.#enter(verifyObjection(work, 'server') ?? this.#proven(state))
    this.#advance()
  }

  judged(isWanted: boolean): void {
    const state = this.#state
    if (state.kind !== 'judging') return
    this.#enter(isWanted ? { ...state, kind: 'expect-finished' } : UNWANTED)
    this.#advance()
  }

  /** Tickets are a server's to give. */
  issueTicket(): void {}

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
    if (state.kind === 'expect-certificate-request' && this.#isUnasked(message)) {
      return this.#certificate({ ...state, kind: 'expect-certificate', shown: null }, message)
    }
    if (state.kind === 'complete' && message.type === MESSAGE.certificateRequest) {
      return refuse(AGAINST_QUIC, 'a client is asked who it is after the handshake')
    }
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
      case 'complete':
        return this.#ticket(state, message)
      default:
        return unexpected(message.type, state.kind)
    }
  }

  #hello(draft: HelloDraft, retried: Suite | null): State {
    const hashWith: HashWith = (bytes, hash) => this.#handshake.hashWith(bytes, hash)
    const hello = clientHello(this.#config, this.#terms, { draft, hashWith })
    this.#handshake.record(hello)
    this.#handshake.named(draft.random)
    this.#handshake.send('initial', hello)
    return { kind: 'expect-server-hello', draft, retried }
  }

  #serverHello({ draft, retried }: State & { kind: 'expect-server-hello' }, message: HandshakeMessage): State {
    const hello = decodeServerHello(message.body)
    if (refused(hello)) return hello
    const shares = draft.shares.map(({ group }) => group)
    const resumes = draft.resume?.session.suite ?? null
    const choice = judgeServerHello(hello, { terms: this.#terms, shares, retried, resumes })
    if (choice.kind === 'alert') return choice
    if (choice.kind === 'retry') return this.#again(choice, draft, message)
    const own = draft.shares.find(({ group }) => group === choice.group)
    const secret = own?.keyShare.agree(choice.share) ?? null
    if (secret === null) return refuse(ALERT.illegalParameter, 'a bad key share')
    const objection = this.#handshake.readFrom('handshake')
    if (objection !== null) return objection
    this.#handshake.agree(choice.suite)
    this.group = choice.group
    this.#handshake.record(message.bytes)
    const resumed = choice.isResumed ? (draft.resume?.session ?? null) : null
    const secrets = handshakeSecrets(this.#config.crypto, secret, this.#handshake.hash(), resumed?.secret ?? null)
    revealHandshake(this.#handshake, this.#config, secrets)
    this.#handshake.keys('handshake', 'write', secrets.client)
    this.#handshake.keys('handshake', 'read', secrets.server)
    return { kind: 'expect-encrypted-extensions', secrets, suite: choice.suite, resumed }
  }

  /** A HelloRetryRequest: the same hello again, with what was asked for. */
  #again({ suite, group, cookie }: RetryRequest, draft: HelloDraft, message: HandshakeMessage): State {
    this.#handshake.restart(suite)
    this.#handshake.record(message.bytes)
    const shares = group === null ? draft.shares : freshShares(this.#config.crypto, [group])
    const fits = draft.resume !== null && SUITES[draft.resume.session.suite].hash === SUITES[suite].hash
    const resume = fits ? draft.resume : null
    return this.#hello({ ...draft, shares, cookie: cookie?.slice() ?? null, resume }, suite)
  }

  #encryptedExtensions(keyed: Keyed, message: HandshakeMessage): State {
    const { resumed } = keyed
    const offer = { terms: this.#terms, resumes: resumed?.suite ?? null }
    const extensions = decodeEncryptedExtensions(message.body)
    const answer = refused(extensions) ? extensions : judgeEncryptedExtensions(extensions, this.#config.alpn, offer)
    if (refused(answer)) return answer
    this.#handshake.record(message.bytes)
    const { transportParameters, ...agreed } = answer
    this.#handshake.output({ kind: 'transport-parameters', bytes: transportParameters.slice() })
    if (resumed === null) return { ...keyed, ...agreed, kind: 'expect-certificate-request' }
    return this.#proven({ ...keyed, ...agreed, shown: null, peer: resumed.peer })
  }

  #isUnasked({ type }: HandshakeMessage): boolean {
    return this.#config.general !== undefined && type === MESSAGE.certificate
  }

  #certificateRequest(state: State & { kind: 'expect-certificate-request' }, message: HandshakeMessage): State {
    const extensions = decodeCertificateRequest(message.body)
    const schemes = refused(extensions) ? extensions : judgeCertificateRequest(extensions)
    if ('kind' in schemes) return schemes
    const credential = this.#terms.credentials.find(
      ({ type, scheme }) => type === state.clientType && schemes.includes(scheme),
    )
    if (credential === undefined && this.#config.general === undefined) {
      return refuse(ALERT.handshakeFailure, 'the server does not take ML-DSA-65')
    }
    this.#handshake.record(message.bytes)
    return { ...state, kind: 'expect-certificate', shown: credential ?? 'nothing' }
  }

  #certificate(state: State & { kind: 'expect-certificate' }, message: HandshakeMessage): State {
    const none = refuse(ALERT.decodeError, 'the server shows no certificate')
    const peer = peerOf(message.body, { type: state.serverType, crypto: this.#config.crypto, none })
    if (refused(peer)) return peer
    const objection = expectedObjection(peer, this.#config)
    if (objection !== null) return objection
    this.#handshake.record(message.bytes)
    return { ...state, kind: 'expect-certificate-verify', peer }
  }

  #certificateVerify(state: State & { kind: 'expect-certificate-verify' }, message: HandshakeMessage): State {
    const transcriptHash = this.#handshake.hash()
    const { trust } = this.#terms
    const work = verifyWork(message.body, { peer: state.peer, signer: 'server', transcriptHash, trust })
    if (work.kind === 'alert') return work
    this.#handshake.record(message.bytes)
    return { ...state, kind: 'verifying', workId: this.#handshake.ask(work) }
  }

  #proven(state: Named): State {
    if (!this.#terms.isJudged) return { ...state, kind: 'expect-finished' }
    this.#handshake.output({ kind: 'judge', peer: state.peer })
    return { ...state, kind: 'judging' }
  }

  #finished(state: State & { kind: 'expect-finished' }, message: HandshakeMessage): State {
    const { crypto } = this.#config
    const { secrets, shown } = state
    const inputs = { secret: secrets.server, transcriptHash: this.#handshake.hash(), sender: 'server' } as const
    const objection = finishedObjection(crypto, message.body, inputs) ?? this.#handshake.readFrom('application')
    if (objection !== null) return objection
    this.#handshake.record(message.bytes)
    const application = applicationSecrets(crypto, secrets.master, this.#handshake.hash())
    revealApplication(this.#handshake, this.#config, { master: secrets.master, application })
    if (shown === null) return this.#complete(state, application, [])
    if (shown === 'nothing') return this.#complete(state, application, [encodeCertificate([])])
    // Our certificate is part of what is signed, but leaves together with the signature.
    this.#handshake.record(shown.message)
    const workId = this.#handshake.ask(signWork(shown, 'client', this.#handshake.hash()))
    return { ...state, kind: 'signing', workId, application, credential: shown }
  }

  #signed(state: State & { kind: 'signing' }, signature: Uint8Array): State {
    const { credential, application } = state
    const objection = signatureObjection(signature, credential)
    if (objection !== null) return objection
    const verify = encodeCertificateVerify({ scheme: credential.scheme, signature })
    return this.#complete(state, application, [credential.message, verify])
  }

  /** Sends our last flight: `proof`, of which a Certificate that was signed for is recorded already, and Finished. */
  #complete(state: Named, application: TrafficSecrets, proof: readonly Uint8Array[]): State {
    const { secrets, suite, alpn, peer, resumed } = state
    const { crypto, keepsSessions } = this.#config
    const last = proof.at(-1)
    if (last !== undefined) this.#handshake.record(last)
    const finished = finishedMessage(crypto, { secret: secrets.client, transcriptHash: this.#handshake.hash() })
    this.#handshake.send('handshake', concat(...proof, finished))
    this.#handshake.keys('application', 'write', application.client)
    this.#handshake.keys('application', 'read', application.server)
    this.#handshake.record(finished)
    const secret = keepsSessions === true ? resumptionSecret(crypto, secrets.master, this.#handshake.hash()) : null
    if (resumed !== null) this.#handshake.output({ kind: 'resumed' })
    this.#handshake.complete(peer, alpn)
    const kept = keptPeer(peer, this.#config)
    const resumable = secret === null ? null : { secret, suite, alpn, peer: kept, signedAt: null }
    return { kind: 'complete', resumable, ticketsLeft: TICKETS_MAX }
  }

  /** A NewSessionTicket; whoever keeps no session only looks whether it is one. */
  #ticket(state: State & { kind: 'complete' }, message: HandshakeMessage): State {
    const { resumable, ticketsLeft } = state
    if (ticketsLeft === 0) return state
    const ticket = decodeSessionTicket(message.body)
    if (refused(ticket)) return ticket
    const isKept = resumable !== null && ticket.ticket.length <= this.#terms.bounds.ticketMax
    const session = isKept ? sessionOf(this.#config.crypto, ticket, resumable) : null
    if (session !== null) this.#handshake.output({ kind: 'session', session })
    return { ...state, ticketsLeft: ticketsLeft - 1 }
  }
}

/** Tickets of one connection that are looked at; each that is kept costs two HMACs. */
const TICKETS_MAX = 8

const UNWANTED = refuse(ALERT.certificateUnknown, 'the application does not want this peer')
