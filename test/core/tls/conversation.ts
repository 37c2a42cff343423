// Two TLS sessions that talk to each other in memory: what a test needs to schedule, split, join and alter what they say.
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, randomFillSync, sign, verify } from 'node:crypto'
import { concat } from '../../../src/core/bytes.ts'
import type { PeerId } from '../../../src/core/ids.ts'
import type { Random, Work, WorkDone } from '../../../src/core/ports.ts'
import type { Refusal } from '../../../src/core/tls/alerts.ts'
import { TlsClient } from '../../../src/core/tls/client.ts'
import { encodeCertificate } from '../../../src/core/tls/messages.ts'
import { encodePublicKey } from '../../../src/core/tls/raw-public-key.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type {
  GeneralTls,
  Level,
  OwnCertificate,
  TlsConfig,
  TlsOutput,
  TlsPeer,
  TlsSession,
} from '../../../src/core/tls/session.ts'
import { chainObjection } from '../../../src/io/certificate-check.ts'
import { createCrypto } from '../../../src/io/crypto.ts'
import { schemeOf, signBy } from '../../../src/io/signature-schemes.ts'
import type { Certified } from '../../support/certificates.ts'

export const crypto = await createCrypto()

export const random: Random = { fill: (into) => void randomFillSync(into) }

/** As long as real ones of either end are; any bytes do here. */
export const TRANSPORT_PARAMETERS = new Uint8Array(80).map((_, i) => i)

/** An identity that can do its own work at once. */
export interface Party {
  readonly peerId: PeerId
  readonly publicKey: Uint8Array
  work(work: Work): WorkDone
}

export const makeParty = (): Party => {
  const pair = generateKeyPairSync('ml-dsa-65')
  const publicKey = Uint8Array.from(pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(22))
  return {
    publicKey,
    peerId: crypto.peerId(publicKey),
    work(work) {
      const { id } = work
      if (work.kind === 'sign')
        return { id, kind: 'sign', signature: Uint8Array.from(sign(null, work.content, pair.privateKey)) }
      return verified(work)
    },
  }
}

/** Who signs with the key of a certificate. */
export interface CertifiedParty {
  readonly certificate: OwnCertificate
  work(work: Work): WorkDone
}

export const certifiedParty = (...chain: readonly [Certified, ...Certified[]]): CertifiedParty => {
  const [{ privateKey }] = chain
  const scheme = schemeOf(privateKey)
  assert.ok(scheme !== null)
  const party: CertifiedParty = {
    certificate: { chain: chain.map(({ der }) => der), scheme },
    work(work) {
      if (work.kind !== 'sign') return verified(work)
      assert.ok(work.scheme !== undefined)
      return { id: work.id, kind: 'sign', signature: signBy(work.scheme, privateKey, work.content) }
    },
  }
  certified.set(party.certificate, party)
  return party
}

const certified = new Map<OwnCertificate, CertifiedParty>()

const verified = (work: Work): WorkDone => {
  const { id } = work
  if (work.kind === 'verify-chain') return { id, kind: 'verify-chain', objection: chainObjection(work, Date.now()) }
  assert.ok(work.kind === 'verify')
  return { id, kind: 'verify', valid: isGenuine(work) }
}

const isGenuine = ({ key, content, signature }: Work & { kind: 'verify' }): boolean => {
  const publicKey = createPublicKey({ key: Buffer.from(encodePublicKey(key)), format: 'der', type: 'spki' })
  return verify(null, content, publicKey, signature)
}

/** A configuration of the general entry, without a raw key and with nobody trusted. */
export const generalOf = (general: Partial<GeneralTls> = {}, changes: Partial<TlsConfig> = {}): TlsConfig => ({
  ...configOf(alice, changes),
  publicKey: changes.publicKey ?? null,
  general: {
    peer: { rawKey: false, certificate: null, client: 'not-asked', isJudged: false },
    ...general,
  },
})

export const alice = makeParty()
export const bob = makeParty()

/** A configuration of `party`'s, talking to whoever comes. */
export const configOf = (party: Party, changes: Partial<TlsConfig> = {}): TlsConfig => ({
  crypto,
  random,
  alpn: ['sallyport/1'],
  transportParameters: TRANSPORT_PARAMETERS,
  publicKey: party.publicKey,
  expectedPeer: null,
  ...changes,
})

/** The Certificate message by which `party` shows its raw public key. */
export const showing = (party: Party): Uint8Array => encodeCertificate([encodePublicKey(party.publicKey)])

/** Extensions to replace or add by type; null leaves one out. */
export type Changes = Readonly<Record<number, Uint8Array | null>>

/** Extensions with some replaced, added at the end or (null) left out. */
export const changed = (base: ReadonlyMap<number, Uint8Array>, changes: Changes): [number, Uint8Array][] => {
  const all = new Map<number, Uint8Array | null>(base)
  for (const [type, body] of Object.entries(changes)) all.set(Number(type), body)
  return [...all].flatMap(([type, body]) => (body === null ? [] : [[type, body] satisfies [number, Uint8Array]]))
}

/** Everything a session has queued. */
export const drain = (session: TlsSession): TlsOutput[] => {
  const outputs: TlsOutput[] = []
  for (let output = session.poll(); output !== null; output = session.poll()) outputs.push(output)
  return outputs
}

/** The alert among outputs, or null. */
export const alertOf = (outputs: readonly TlsOutput[]): Refusal['alert'] | null => {
  const found = outputs.filter((output) => output.kind === 'alert')
  assert.ok(found.length <= 1, 'at most one alert')
  return found[0]?.alert ?? null
}

/** The bytes sent at a level, joined. */
export const sentAt = (outputs: readonly TlsOutput[], level: Level): Uint8Array =>
  concat(...outputs.flatMap((output) => (output.kind === 'send' && output.level === level ? [output.bytes] : [])))

/** Splits bytes into the handshake messages they are made of. */
export const messagesOf = (bytes: Uint8Array): Uint8Array[] => {
  const messages: Uint8Array[] = []
  for (let at = 0; at < bytes.length;) {
    const size = 4 + Buffer.from(bytes).readUIntBE(at + 1, 3)
    messages.push(bytes.subarray(at, at + size))
    at += size
  }
  return messages
}

export type Side = 'client' | 'server'

/** How a conversation is disturbed. */
export interface Disturbance {
  /** Picks one of `n` possible next steps. */
  readonly pick?: (n: number) => number
  /** How many of the `n` bytes that wait are delivered at once, 1 to n. */
  readonly cut?: (n: number) => number
  /** Replaces the `index`th message (from 0) that `from` sends. */
  readonly alter?: (from: Side, index: number, message: Uint8Array) => Uint8Array
  /** Whether the server gives a ticket once it is complete. */
  readonly issue?: boolean
  /** What the application says to whom a side asks it about; by default it is never asked. */
  readonly judge?: (side: Side, peer: TlsPeer) => boolean
}

/** What each side put out, in order. */
export interface Minutes {
  readonly client: TlsOutput[]
  readonly server: TlsOutput[]
}

/** Lets two sessions talk until nothing is left to do. */
export const converse = (clientConfig: TlsConfig, serverConfig: TlsConfig, disturbance: Disturbance = {}): Minutes => {
  const conversation = new Conversation(clientConfig, serverConfig, disturbance)
  while (conversation.step());
  return conversation.minutes
}

interface End {
  readonly session: TlsSession
  readonly party: Pick<Party, 'work'>
  readonly works: Work[]
  /** What the other end has sent and this one has not received: runs of one level. */
  readonly inbox: { level: Level; bytes: Uint8Array }[]
  sent: number
  toJudge: TlsPeer | null
}

class Conversation {
  readonly minutes: Minutes = { client: [], server: [] }
  readonly #ends: Record<Side, End>
  readonly #disturbance: Disturbance

  constructor(clientConfig: TlsConfig, serverConfig: TlsConfig, disturbance: Disturbance) {
    this.#disturbance = disturbance
    const end = (session: TlsSession, config: TlsConfig): End => {
      const own = config.general?.certificate
      const holder = own === undefined ? undefined : certified.get(own)
      const raw = [alice, bob].find(({ publicKey }) => publicKey === config.publicKey) ?? alice
      // Whoever has both signs by the key that the work names.
      const party = {
        work: (work: Work) => (work.kind === 'sign' && work.scheme !== undefined ? (holder ?? raw) : raw).work(work),
      }
      return { session, party, works: [], inbox: [], sent: 0, toJudge: null }
    }
    this.#ends = {
      client: end(new TlsClient(clientConfig), clientConfig),
      server: end(new TlsServer(serverConfig), serverConfig),
    }
    this.#collect('client')
    this.#collect('server')
  }

  /** Does one of the things that can be done now; false when there is none. */
  step(): boolean {
    const steps = (['client', 'server'] as const).flatMap((side) => {
      const { works, inbox } = this.#ends[side]
      const possible: (() => void)[] = []
      if (works.length > 0) possible.push(() => this.#work(side))
      if (inbox.length > 0) possible.push(() => this.#deliver(side))
      if (this.#ends[side].toJudge !== null) possible.push(() => this.#judge(side))
      return possible
    })
    const step = steps[this.#disturbance.pick?.(steps.length) ?? 0]
    step?.()
    return step !== undefined
  }

  #work(side: Side): void {
    const { session, party, works } = this.#ends[side]
    const work = works.shift()
    assert.ok(work !== undefined)
    session.done(party.work(work))
    this.#collect(side)
  }

  #judge(side: Side): void {
    const end = this.#ends[side]
    assert.ok(end.toJudge !== null && this.#disturbance.judge !== undefined, 'nobody judges')
    const isWanted = this.#disturbance.judge(side, end.toJudge)
    end.toJudge = null
    end.session.judged(isWanted)
    this.#collect(side)
  }

  #deliver(side: Side): void {
    const { session, inbox } = this.#ends[side]
    const run = inbox[0]
    assert.ok(run !== undefined)
    const size = this.#disturbance.cut?.(run.bytes.length) ?? run.bytes.length
    // The buffer is the session's for this call alone, as a datagram is: it is overwritten afterwards.
    const lent = Uint8Array.from(run.bytes.subarray(0, size))
    session.receive(run.level, lent)
    lent.fill(0xee)
    if (size === run.bytes.length) inbox.shift()
    else run.bytes = run.bytes.subarray(size)
    this.#collect(side)
  }

  #collect(side: Side): void {
    const end = this.#ends[side]
    const { inbox } = this.#ends[side === 'client' ? 'server' : 'client']
    for (const output of drain(end.session)) {
      this.minutes[side].push(output)
      if (output.kind === 'work') end.works.push(output.work)
      if (output.kind === 'judge') end.toJudge = output.peer
      if (output.kind === 'complete' && side === 'server' && this.#disturbance.issue === true) {
        end.session.issueTicket()
        return this.#collect(side)
      }
      if (output.kind !== 'send') continue
      const messages = messagesOf(output.bytes).map(
        (message) => this.#disturbance.alter?.(side, end.sent++, message) ?? message,
      )
      const last = inbox.at(-1)
      const bytes = Buffer.concat(messages)
      if (last?.level === output.level) last.bytes = Buffer.concat([last.bytes, bytes])
      else inbox.push({ level: output.level, bytes })
    }
  }
}
