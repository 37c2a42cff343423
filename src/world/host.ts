// A host: its place in the network, its disk and its clocks, and the process that runs on it, if any. A process that ends, however it ends,
// is gone at once: none of its timers, sockets, calls or jobs ever comes back, and what it has not synced is lost with the power.
import { SallyportError } from '../core/errors.ts'
import type { Names, Ports, Udp } from '../io/ports.ts'
import type { Costs } from './costs.ts'
import { costing, type Cryptography } from './cryptography.ts'
import { Disk } from './disk.ts'
import { type DiskCondition, VirtualFiles } from './files.ts'
import { Held } from './held.ts'
import type { Network } from './network.ts'
import type { Nic, NicOptions } from './nic.ts'
import { Processor } from './processor.ts'
import { SeededRandom } from './random.ts'
import { type ClockSettings, HostClock, HostTimers, TRUE_CLOCK } from './time.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'
import { VirtualUdp } from './udp.ts'
import { VirtualWorkers } from './workers.ts'

/** What a host is like. */
export interface HostOptions extends NicOptions {
  readonly clock?: ClockSettings
  /** How many times longer work takes here than the table of costs says. Default 1. */
  readonly slowness?: number
  /** Worker threads that do chunks, beside the one for signatures. Default 1. */
  readonly sharedThreads?: number
}

/** What a host works with: parts of its world. */
export interface HostParts {
  readonly seed: number
  readonly timeline: Timeline
  readonly network: Network
  readonly trace: Trace
  readonly cryptography: Cryptography
  readonly costs: Costs
}

/** One run of a host. */
export interface Process {
  readonly ports: Ports
  readonly processor: Processor
  readonly clock: HostClock
  readonly held: Held
  readonly isAlive: boolean
}

/** One host of a world. */
export class Host {
  readonly name: string
  readonly nic: Nic
  readonly disk = new Disk()
  readonly diskCondition: DiskCondition = { slowness: 1, stuckUntil: 0, slowed: 0, failed: 0 }
  readonly #parts: HostParts
  readonly #options: HostOptions
  #process: RunningProcess | null = null
  #starts = 0
  #clock: ClockSettings

  /** @internal */
  constructor(parts: HostParts, options: HostOptions) {
    this.name = options.name
    this.#parts = parts
    this.#options = options
    this.#clock = options.clock ?? TRUE_CLOCK
    this.nic = parts.network.attach(options)
  }

  /** The process that runs now, or null. */
  get process(): Process | null {
    return this.#process
  }

  /** How often a process was started. */
  get starts(): number {
    return this.#starts
  }

  /** Starts a process; there must be none. */
  start(): Process {
    if (this.#process !== null) throw new Error(`${this.name} runs already`)
    this.#starts++
    this.#note('start', this.#starts)
    this.#process = new RunningProcess({
      ...this.#parts,
      host: this,
      options: this.#options,
      settings: this.#clock,
      starts: this.#starts,
    })
    return this.#process
  }

  /** The process ends as if it had never been there; files stay as they are, synced or not. */
  kill(): void {
    this.#note('kill')
    this.#process?.end()
    this.#process = null
    this.disk.releaseLocks()
  }

  /** The power goes: the process ends, and the disk is as it was synced. Returns how many files lost something. */
  crash(): number {
    this.kill()
    const lost = this.disk.crash()
    this.#note('crash', lost)
    return lost
  }

  /** Nothing of it runs for so long; what comes waits in the buffers of the system. */
  freeze(ms: number): void {
    this.#note('freeze', ms)
    this.#process?.processor.freeze(ms)
  }

  /** Sets how wrong its clocks are from now on. */
  setClock({ skewMs, drift }: Pick<ClockSettings, 'skewMs' | 'drift'>): void {
    this.#note('clock', skewMs)
    this.#clock = { ...this.#clock, skewMs, drift }
    this.#process?.clock.skew(skewMs)
    this.#process?.clock.drift(drift)
  }

  #note(what: string, detail = 0): void {
    this.#parts.trace.note(this.#parts.timeline.now, what, this.name, detail)
  }
}

/** There is no name service in the world: hosts know each other by address. */
const NO_NAMES: Names = Object.freeze({
  resolve: (host: string) => Promise.reject(new SallyportError('NAME_NOT_FOUND', `the world has no name ${host}`)),
})

class RunningProcess implements Process {
  readonly ports: Ports
  readonly processor: Processor
  readonly clock: HostClock
  readonly held = new Held()
  readonly #udp: VirtualUdp
  isAlive = true

  constructor(
    parts: HostParts & {
      readonly host: Host
      readonly options: HostOptions
      readonly settings: ClockSettings
      readonly starts: number
    },
  ) {
    const { timeline, costs, cryptography, network, host, options, settings, seed, starts } = parts
    const { held } = this
    const processor = new Processor(timeline, costs.callback)
    processor.slowness = options.slowness ?? 1
    this.processor = processor
    this.clock = new HostClock(processor, settings)
    this.#udp = new VirtualUdp({ network, nic: host.nic, processor, costs, held })
    const stream = (concern: string): SeededRandom => new SeededRandom(seed, `${options.name} ${starts} ${concern}`)
    const { disk, diskCondition: condition, name } = host
    const own = { timeline, processor, costs, held }
    this.ports = Object.freeze<Ports>({
      clock: this.clock,
      timers: new HostTimers(timeline, { processor, clock: this.clock, held }),
      udp: this.#udp satisfies Udp,
      workers: new VirtualWorkers({
        ...own,
        perform: cryptography.perform,
        sharedThreads: options.sharedThreads ?? 1,
        done: (kind) => parts.trace.note(processor.now, kind, name),
      }),
      files: new VirtualFiles({ ...own, disk, condition }),
      crypto: costing(cryptography.crypto(stream('keys')), costs, (ms) => processor.charge(ms)),
      random: stream('random'),
      names: NO_NAMES,
    })
  }

  end(): void {
    this.isAlive = false
    this.processor.end()
    this.#udp.end()
  }
}
