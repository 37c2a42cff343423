// Two connections over a network of the test's own making: latency, loss, reordering and duplication from a seed, on a fake clock.
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { type Address, sameAddress } from '../../../src/core/address.ts'
import type { StreamId } from '../../../src/core/ids.ts'
import type { Crypto, Group, Work, WorkDone } from '../../../src/core/ports.ts'
import { type FirstInitial, QuicConnection, type QuicConfig } from '../../../src/core/quic/connection.ts'
import type { CloseReason, ConnectionOutput } from '../../../src/core/quic/outputs.ts'
import { type LongHeader, parseHeader } from '../../../src/core/quic/packet.ts'
import type { TransportSettings } from '../../../src/core/quic/settings.ts'
import { createCrypto } from '../../../src/io/crypto.ts'
import { exportPublicKey, importPublicKey, ML_DSA_65 } from '../../../src/io/raw-keys.ts'
import { SeededRandom } from '../../support/seeded-random.ts'

export const crypto: Crypto = await createCrypto()

/** An identity as the connection and its workers see it. */
export interface TestIdentity {
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject
}

export const makeIdentity = (): TestIdentity => {
  const pair = generateKeyPairSync('ml-dsa-65')
  const privateKey = createPrivateKey(pair.privateKey.export({ format: 'pem', type: 'pkcs8' }))
  return { publicKey: exportPublicKey(ML_DSA_65, pair.publicKey), privateKey }
}

export const ALICE = makeIdentity()
export const BOB = makeIdentity()

export const doWork = (work: Work, identity: TestIdentity): WorkDone => {
  if (work.kind === 'sign') {
    return { id: work.id, kind: 'sign', signature: new Uint8Array(sign(null, work.content, identity.privateKey)) }
  }
  if (work.kind === 'verify') {
    const valid = verify(null, work.content, importPublicKey(ML_DSA_65, work.key)!, work.signature)
    return { id: work.id, kind: 'verify', valid }
  }
  throw new Error('a connection asks only for signatures')
}

/** How bad the network is; fractions of datagrams, ms. */
export interface Weather {
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
  readonly latencyMs: number
}

export const FAIR: Weather = { loss: 0, duplication: 0, reordering: 0, latencyMs: 5 }
export const FOUL: Weather = { loss: 0.1, duplication: 0.05, reordering: 0.2, latencyMs: 10 }

/** One end: its connection once there is one, what it said, and an application that reacts. */
export class End {
  /** Where the other end sees it, by its own sockets; a NAT may change that at any time. */
  readonly places: Address[]
  readonly identity: TestIdentity
  connection: QuicConnection | null = null
  readonly log: ConnectionOutput[] = []
  /** Bytes read, by stream. */
  readonly inbox = new Map<StreamId, Uint8Array[]>()
  /** What is written as there is room, by stream; FIN follows. */
  readonly outbox = new Map<StreamId, Uint8Array>()
  onOutput: (output: ConnectionOutput) => void = () => {}
  autoRead = true
  sentDatagrams: number[] = []

  constructor(address: Address, identity: TestIdentity) {
    this.places = [address]
    this.identity = identity
  }

  get address(): Address {
    return this.places[0]!
  }

  get live(): QuicConnection {
    if (this.connection === null) throw new Error('no connection yet')
    return this.connection
  }

  has(kind: ConnectionOutput['kind']): boolean {
    return this.log.some((output) => output.kind === kind)
  }

  get closed(): CloseReason | null {
    const output = this.log.find((entry) => entry.kind === 'closed')
    return output?.kind === 'closed' ? output.reason : null
  }

  received(stream: StreamId): Uint8Array {
    return Buffer.concat(this.inbox.get(stream) ?? [])
  }

  send(stream: StreamId, bytes: Uint8Array): void {
    const taken = this.live.write(stream, bytes)
    if (taken < bytes.length) this.outbox.set(stream, bytes.subarray(taken))
    else this.live.finish(stream)
  }
}

interface Flight {
  readonly at: number
  readonly order: number
  readonly from: End
  readonly source: Address
  readonly destination: Address
  readonly bytes: Uint8Array
}

export interface PairOptions {
  readonly seed?: number
  readonly weather?: Weather
  readonly transport?: TransportSettings
  readonly client?: Partial<QuicConfig>
  readonly server?: Partial<QuicConfig>
  readonly workMs?: number
  readonly group?: Group
  /** Default: both on loopback, where datagrams may be large. */
  readonly ips?: { readonly client: string; readonly server: string }
}

/** A client that dials and a server that accepts the first Initial it sees. */
export class Pair {
  now = 1000
  weather: Weather
  readonly client: End
  readonly server: End
  readonly random: SeededRandom
  /** Drops a datagram when it says so; for tests that lose a certain one. */
  filter: (bytes: Uint8Array, from: End) => boolean = () => true
  /** What the server does with an Initial while it has no connection: it accepts it, or returns null. */
  admit: (header: LongHeader, from: End) => FirstInitial | null = (header) => header
  /** Datagrams to addresses where nobody is. */
  readonly strays: { readonly to: Address; readonly length: number }[] = []
  readonly #options: PairOptions
  readonly #inFlight: Flight[] = []
  readonly #work: { at: number; end: End; work: Work }[] = []
  #order = 0

  constructor(options: PairOptions = {}) {
    this.#options = options
    this.client = new End({ family: 4, ip: options.ips?.client ?? '127.0.0.1', port: 1111 }, ALICE)
    this.server = new End({ family: 4, ip: options.ips?.server ?? '127.0.0.2', port: 2222 }, BOB)
    this.weather = options.weather ?? FAIR
    this.random = new SeededRandom(options.seed ?? 1)
    const config = this.#config('client', this.client, this.server)
    this.client.connection = QuicConnection.connect(config, this.now)
    this.flush(this.client)
  }

  #config(role: 'client' | 'server', own: End, peer: End): QuicConfig {
    return {
      role,
      crypto,
      random: this.random,
      publicKey: own.identity.publicKey,
      alpn: ['sallyport/1'],
      expectedPeer: null,
      remote: peer.address,
      ...(this.#options.transport === undefined ? {} : { transport: this.#options.transport }),
      ...(this.#options.group === undefined || role === 'server' ? {} : { group: this.#options.group }),
      ...this.#options[role],
    }
  }

  peerOf(end: End): End {
    return end === this.client ? this.server : this.client
  }

  /** Drains outputs, lets the application react, sends what is to be sent. */
  flush(end: End): void {
    const connection = end.connection
    if (connection === null) return
    for (let output = connection.poll(); output !== null; output = connection.poll()) {
      end.log.push(output)
      if (output.kind === 'work')
        this.#work.push({ at: this.now + (this.#options.workMs ?? 1), end, work: output.work })
      if (output.kind === 'stream-readable' && end.autoRead) this.#read(end, output.stream)
      if (output.kind === 'stream-writable') this.#write(end, output.stream)
      end.onOutput(output)
    }
    const buffer = new Uint8Array(65_536)
    for (let sent = 0; sent < 20_000; sent++) {
      const length = connection.transmit(buffer, this.now)
      if (length === 0) return
      end.sentDatagrams.push(length)
      this.launch(end, buffer.slice(0, length))
    }
    throw new Error('a connection never stops sending')
  }

  /** Sends a datagram of `from`, by default as its connection wants it sent. */
  launch(from: End, bytes: Uint8Array, by = from.connection?.destination ?? this.#straight(from)): void {
    const source = from.places[by.local]
    if (source === undefined) throw new Error('a socket that is not there')
    if (!this.filter(bytes, from)) return
    if (this.random.fraction() < this.weather.loss) return
    const copies = this.random.fraction() < this.weather.duplication ? 2 : 1
    for (let i = 0; i < copies; i++) {
      const late = this.random.fraction() < this.weather.reordering ? this.random.fraction() * 3 : 0
      const at = this.now + this.weather.latencyMs * (1 + late)
      const order = this.#order++
      this.#inFlight.push({ at, order, from, source, destination: by.remote, bytes: bytes.slice() })
    }
  }

  #straight(from: End): { remote: Address; local: number } {
    return { remote: this.peerOf(from).address, local: 0 }
  }

  /** Runs until `done` holds or nothing can happen any more or `ms` have passed; says whether `done` held. */
  run(done: () => boolean, ms = 60_000): boolean {
    const end = this.now + ms
    while (!done()) {
      const next = this.#nextAt()
      if (next > end) {
        this.now = end
        return done()
      }
      this.now = Math.max(this.now, next)
      this.#step()
    }
    return true
  }

  #nextAt(): number {
    let at = Infinity
    for (const flight of this.#inFlight) at = Math.min(at, flight.at)
    for (const job of this.#work) at = Math.min(at, job.at)
    for (const end of [this.client, this.server]) at = Math.min(at, end.connection?.timerAt() ?? Infinity)
    return at
  }

  #step(): void {
    const due = this.#inFlight
      .filter((flight) => flight.at <= this.now)
      .sort((a, b) => a.at - b.at || a.order - b.order)
    for (const flight of due) this.#inFlight.splice(this.#inFlight.indexOf(flight), 1)
    for (const flight of due) this.#deliver(flight)
    for (const job of this.#work.splice(0, this.#work.length)) {
      if (job.at > this.now) this.#work.push(job)
      else job.end.live.done(doWork(job.work, job.end.identity), this.now)
    }
    for (const end of [this.client, this.server]) {
      const connection = end.connection
      if (connection !== null && connection.timerAt() <= this.now) connection.timeout(this.now)
      this.flush(end)
      this.expectProgress(end)
    }
  }

  /** After its timeout and its sending, a timer of now would only spin: three in a row are the losses of three spaces. */
  expectProgress(end: End): void {
    for (let round = 0; (end.connection?.timerAt() ?? Infinity) <= this.now; round++) {
      if (round > 3) throw new Error('a timer does not move')
      end.live.timeout(this.now)
      this.flush(end)
    }
  }

  #deliver(flight: Flight): void {
    const { from, source, destination, bytes } = flight
    const to = this.peerOf(from)
    const local = to.places.findIndex((place) => sameAddress(place, destination))
    if (local < 0) {
      this.strays.push({ to: destination, length: bytes.length })
      return
    }
    if (to.connection === null) {
      const header = parseHeader(bytes, 0, 8)
      if (header?.form !== 'long' || header.type !== 'initial') return
      const first = this.admit(header, from)
      if (first === null) return
      to.connection = QuicConnection.accept(this.#config('server', to, from), first, this.now)
    }
    to.connection.receive(bytes, { ...source, local }, this.now)
  }

  #read(end: End, stream: StreamId): void {
    const pieces = end.inbox.get(stream) ?? []
    end.inbox.set(stream, pieces)
    for (let bytes = end.live.read(stream); bytes !== null; bytes = end.live.read(stream)) pieces.push(bytes.slice())
  }

  #write(end: End, stream: StreamId): void {
    const rest = end.outbox.get(stream)
    if (rest === undefined) return
    end.outbox.delete(stream)
    end.send(stream, rest)
  }

  /** Dials until both ends are established. */
  establish(): this {
    const both = (): boolean => this.client.has('established') && this.server.has('established')
    if (!this.run(both)) throw new Error(`not established: ${JSON.stringify([this.client.closed, this.server.closed])}`)
    return this
  }
}
