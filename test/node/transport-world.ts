// Transports on a fake clock and a network in memory, each a host of its own, with the real cryptography and the real QUIC.
import assert from 'node:assert/strict'
import { formatAddress } from '../../src/core/address.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Files, Identity, Ports } from '../../src/io/ports.ts'
import { TransportHandle } from '../../src/node/transport-handle.ts'
import type { TransportOptions } from '../../src/node/transport-parts.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createInlineWorkers, type InlineWorkers } from '../support/inline-workers.ts'
import { MemoryNetwork, type Weather } from '../support/memory-udp.ts'
import { NO_NAMES } from '../support/known-names.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const crypto = await createCrypto()

export interface Host {
  readonly transport: TransportHandle
  readonly identity: Identity
  /** Its full dialable address. */
  readonly address: string
}

/** A world of hosts; what is made in it is closed by `close`. */
export class World {
  readonly clock: FakeClock
  readonly random: SeededRandom
  readonly network: MemoryNetwork
  readonly workers: InlineWorkers
  readonly #hosts: TransportHandle[] = []
  #made = 0

  static async make(weather: Partial<Weather> = {}, seed = 1): Promise<World> {
    const clock = new FakeClock()
    return new World(clock, await createInlineWorkers(clock, { delayMs: () => 1 }), { weather, seed })
  }

  private constructor(
    clock: FakeClock,
    workers: InlineWorkers,
    { weather, seed }: { weather: Partial<Weather>; seed: number },
  ) {
    this.clock = clock
    this.workers = workers
    this.random = new SeededRandom(seed)
    this.network = new MemoryNetwork(clock, this.random, weather)
  }

  ports(ip4: string): Ports {
    const { clock, random, workers } = this
    return {
      clock,
      timers: clock,
      udp: this.network.host({ ip4 }),
      workers,
      files: NO_FILES,
      crypto,
      random,
      names: NO_NAMES,
    }
  }

  /** An address nobody has yet. */
  nextIp(): string {
    this.#made++
    return this.lastIp
  }

  /** Addresses are of another region from now on. */
  moveOn(): void {
    this.#made = (this.#made | 0xffff) + 1
  }

  get lastIp(): string {
    return `192.${this.#made >> 16}.${(this.#made >> 8) & 255}.${this.#made & 255}`
  }

  async host(options: Partial<TransportOptions> = {}): Promise<Host> {
    const identity = options.identity ?? (await generateIdentity())
    const ip = this.nextIp()
    const transport = await this.run(
      TransportHandle.open({
        ports: this.ports(ip),
        identity,
        capability: 'node',
        listen: [{ family: 4, ip, port: 9000 }],
        ...options,
      }),
    )
    this.#hosts.push(transport)
    return { transport, identity, address: formatAddress(transport.locals[0]!, identity.peerId) }
  }

  /** Moves time on until the promise is settled. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.until(promise)
  }

  async close(): Promise<void> {
    for (const host of this.#hosts) {
      host.checkInvariants()
      assert.equal(host.counters().reconcilerDifferences, 0, 'registry and endpoint agree in every test')
      await this.run(host.close())
    }
  }
}

const NO_FILES = new Proxy({} as Files, {
  get: () => {
    throw new Error('a transport touches no file')
  },
})
