// Sessions on a fake clock and a network in memory, with the real cryptography and the real QUIC.
import { createCrypto } from '../../src/io/crypto.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { PeerId } from '../../src/core/ids.ts'
import type { Identity } from '../../src/io/ports.ts'
import {
  connect,
  type ConnectOptions,
  listen,
  type Listener,
  type ListenOptions,
  type Peer,
  type Session,
} from '../../src/quic/index.ts'
import type { QuicPorts } from '../../src/quic/options.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createInlineWorkers, type InlineWorkers } from '../support/inline-workers.ts'
import { MemoryNetwork, type Weather } from '../support/memory-udp.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const crypto = await createCrypto()

/** Made once: what a test compares is never which key it is. */
export const SERVER: Identity = await generateIdentity()
export const CLIENT: Identity = await generateIdentity()

export const SERVER_IP = '192.0.2.1'
export const CLIENT_IP = '192.0.3.1'
const PORT = 4433

/** A server, a client, and the network between them. */
export class QuicWorld {
  readonly clock: FakeClock
  readonly network: MemoryNetwork
  readonly workers: InlineWorkers
  readonly #random: SeededRandom

  static async make(weather: Partial<Weather> = {}, seed = 1): Promise<QuicWorld> {
    const clock = new FakeClock()
    return new QuicWorld(clock, await createInlineWorkers(clock, { delayMs: () => 1 }), { weather, seed })
  }

  private constructor(clock: FakeClock, workers: InlineWorkers, made: { weather: Partial<Weather>; seed: number }) {
    this.clock = clock
    this.workers = workers
    this.#random = new SeededRandom(made.seed)
    this.network = new MemoryNetwork(clock, this.#random, made.weather)
  }

  ports(ip4: string, names: Record<string, string[]> = {}): QuicPorts {
    const { clock, workers } = this
    const udp = this.network.host({ ip4 })
    const resolve: QuicPorts['names']['resolve'] = async (host) =>
      (names[host] ?? []).map((ip) => ({ family: 4 as const, ip }))
    return { clock, timers: clock, udp, workers, crypto, random: this.#random, names: { resolve } }
  }

  /** Moves time on until the promise is settled. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.until(promise)
  }

  listen(options: Partial<ListenOptions> = {}): Promise<Listener> {
    const place = { host: SERVER_IP, port: PORT, ports: this.ports(SERVER_IP) }
    return this.run(listen({ ...place, alpn: ['test'], identity: SERVER, verify: 'anyone', ...options }))
  }

  /** Options of a client of that server. */
  client(options: Partial<ConnectOptions> = {}): ConnectOptions {
    const trusted = { keys: [SERVER.peerId] }
    return {
      host: SERVER_IP,
      port: PORT,
      ports: this.ports(CLIENT_IP),
      alpn: ['test'],
      identity: CLIENT,
      verify: trusted,
      ...options,
    }
  }

  connect(options: Partial<ConnectOptions> = {}): Promise<Session> {
    return this.run(connect(this.client(options)))
  }

  /** Both ends of one session. */
  async pair(
    options: { readonly client?: Partial<ConnectOptions>; readonly server?: Partial<ListenOptions> } = {},
  ): Promise<{ listener: Listener; client: Session; server: Session }> {
    const listener = await this.listen(options.server)
    const [client, server] = await this.run(Promise.all([connect(this.client(options.client)), listener.accept()]))
    if (server === null) throw new Error('nobody came')
    return { listener, client, server }
  }
}

export const bytes = (length: number, seed = 0): Uint8Array<ArrayBuffer> =>
  new Uint8Array(length).map((_, i) => (i * 7 + seed) & 255)

/** Of a peer with a raw public key. */
export const peerIdOf = (peer: Peer): PeerId => {
  if (peer.kind !== 'raw-public-key') throw new Error(`${peer.kind} instead of a raw public key`)
  return peer.peerId
}

/** Everything a stream brings. */
export const everything = async (readable: ReadableStream<Uint8Array>): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of readable) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Writes all of it and the end; resolves when the peer has it. */
export const put = async (writable: WritableStream<Uint8Array>, content: Uint8Array): Promise<void> => {
  const writer = writable.getWriter()
  await writer.write(content)
  await writer.close()
}

/** What a call rejected with; fails when it did not. */
export const failure = async (
  promise: Promise<unknown>,
): Promise<{ code: string; peerCode: number | null; message: string }> => {
  try {
    await promise
  } catch (error) {
    return error as { code: string; peerCode: number | null; message: string }
  }
  throw new Error('it did not fail')
}
