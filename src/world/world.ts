// A world: a seed, one line of time, a network, and hosts. What runs on the hosts is given to them as ports, and knows nothing of it.
//
//   const world = new World({ seed: 7 })
//   const { ports } = world.host({ name: 'a', region: 'europe', ip4: '192.0.2.1' }).start()
//   const node = await world.run(createNode({ ports, identity: await world.identity('a'), listen: ['/ip4/192.0.2.1/udp/9000/quic-v1'] }))
import type { Identity } from '../io/ports.ts'
import { COSTS, type Costs } from './costs.ts'
import { type Cryptography, STAND_IN } from './cryptography.ts'
import { Host, type HostOptions } from './host.ts'
import { Network } from './network.ts'
import { SeededRandom } from './random.ts'
import { Timeline } from './timeline.ts'
import { Trace, type TraceSink } from './trace.ts'

/** What a world is made of; the seed determines everything that happens in it. */
export interface WorldOptions {
  readonly seed: number
  /** Default: the stand-in, with which a replay is exact. */
  readonly cryptography?: Cryptography
  readonly costs?: Partial<Costs>
  /** Takes every line of the trace. Default: nobody does, and only its hash is kept. */
  readonly trace?: TraceSink
}

/** See the head of this file. */
export class World {
  readonly seed: number
  readonly timeline = new Timeline()
  readonly trace: Trace
  readonly network: Network
  readonly cryptography: Cryptography
  readonly #costs: Costs
  /** Bounded by whoever adds them. */
  readonly #hosts: Host[] = []

  constructor({ seed, cryptography = STAND_IN, costs = {}, trace }: WorldOptions) {
    this.seed = seed
    this.cryptography = cryptography
    this.#costs = { ...COSTS, ...costs }
    this.trace = new Trace(trace ?? null)
    this.network = new Network(this.timeline, this.trace, seed)
  }

  /** Milliseconds since the world began. */
  get now(): number {
    return this.timeline.now
  }

  get hosts(): readonly Host[] {
    return this.#hosts
  }

  /** A stream of randomness of this seed; two of one concern are the same. */
  random(concern: string): SeededRandom {
    return new SeededRandom(this.seed, concern)
  }

  /** Adds a host; nothing runs there until it is started. */
  host(options: HostOptions): Host {
    const { seed, timeline, network, trace, cryptography } = this
    const host = new Host({ seed, timeline, network, trace, cryptography, costs: this.#costs }, options)
    this.#hosts.push(host)
    return host
  }

  /** The identity that this seed gives to a name. */
  identity(name: string): Promise<Identity> {
    return this.cryptography.identity(this.random(`identity ${name}`))
  }

  /** Moves time on until a promise is settled, and gives its outcome. */
  run<Result>(promise: Promise<Result>, limitMs?: number): Promise<Result> {
    return this.timeline.until(promise, limitMs)
  }

  /** Lets so many milliseconds go by. */
  pass(ms: number): Promise<void> {
    return this.timeline.play(this.now + ms)
  }

  /** Resolves when so many milliseconds have gone by, for those who live in this time. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.timeline.at(this.now + ms, resolve))
  }
}
