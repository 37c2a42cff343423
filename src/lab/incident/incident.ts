// The incident, replayed: a genesis host, others that join over minutes, live and end, slow ones, silent ones, and clients that upload without
// pause. The accept path is the only difference between two replays; what comes of it is measured, never written in.
import type { Address } from '../../core/address.ts'
import type { SeededRandom } from '../../world/random.ts'
import type { Process } from '../../world/host.ts'
import { REGIONS } from '../../world/regions.ts'
import { Stranger } from '../../world/nodes/stranger.ts'
import { World } from '../../world/world.ts'
import { LOOK_MS, Watch } from './alarms.ts'
import { Resident, type ResidentOptions } from './resident.ts'
import type { IncidentSettings, Path } from './settings.ts'
import { type Period, Tally } from './tally.ts'
import { uploadCold, uploadWarm } from './uploads.ts'
import { Weather } from './weather.ts'

/** Handshakes one stranger holds open at most. */
const SILENT_MAX = 3

/** A replay under way or over. */
export class Incident {
  readonly path: Path
  readonly periods: Period[] = []
  readonly #settings: IncidentSettings
  readonly #world: World
  readonly #residents: Resident[] = []
  readonly #clients: Resident[] = []
  readonly #tally = new Tally()
  readonly #watch = new Watch()
  readonly #weather: Weather
  readonly #trouble: Error[] = []
  /** What each process had worked when the period began. */
  #worked = new Map<Process, number>()

  constructor(path: Path, settings: IncidentSettings) {
    this.path = path
    this.#settings = settings
    this.#world = new World({ seed: settings.seed })
    this.#weather = new Weather(this.#world)
  }

  /** The trace so far: the same for the same path and settings. */
  get hash(): string {
    return this.#world.trace.hash
  }

  /** Runs it to its end, or until `told` says at the end of a period that it is enough. */
  async run(told: (period: Period) => boolean): Promise<void> {
    const { ms, periodMs } = this.#settings
    await this.#settle()
    await this.#upload()
    this.#look()
    for (let end = periodMs; end <= ms; end += periodMs) {
      await this.#world.timeline.play(end, () => this.#trouble.length > 0)
      if (this.#trouble[0] !== undefined) throw this.#trouble[0]
      const period = this.#close()
      this.periods.push(period)
      if (!told(period)) return
    }
  }

  #supervise(task: Promise<void>): void {
    void task.catch((error: unknown) => this.#trouble.push(error instanceof Error ? error : new Error(String(error))))
  }

  async #settle(): Promise<void> {
    const { hosts, joinMs, slowShare, slowness, silentShare } = this.#settings
    const world = this.#world
    const random = world.random('incident places')
    for (let place = 0; place < hosts; place++) {
      const isSlow = place > 0 && random.chance(slowShare)
      const host = world.host({
        name: `h${place}`,
        region: random.pick(REGIONS),
        ip4: `20.${place >> 8}.${place & 255}.1`,
        upMbps: 16,
        downMbps: 16,
        ...(isSlow ? { slowness } : {}),
      })
      const resident = await this.#resident(host, { isSlow })
      this.#residents.push(resident)
      world.timeline.at((joinMs * place) / hosts, () => this.#supervise(this.#live(resident, place)))
      if (place > 0) this.#supervise(this.#suffer(resident, place))
    }
    for (let n = 0; n < Math.ceil(hosts * silentShare); n++) {
      const host = world.host({ name: `s${n}`, region: 'europe', ip4: `99.${n >> 8}.${n & 255}.1` })
      const met = n % 2 === 0 ? (remote: Address): void => this.#weather.deafen(host.nic, remote.ip) : undefined
      this.#haunt(await Stranger.open(host, await world.identity(`s${n}`), met), n)
    }
  }

  async #upload(): Promise<void> {
    const world = this.#world
    const tally = this.#tally
    const parts = { world, settings: this.#settings, residents: this.#residents }
    for (let n = 0; n <= this.#settings.clients; n++) {
      const isCold = n === this.#settings.clients
      const host = world.host({
        name: isCold ? 'cold' : `client${n}`,
        region: 'europe',
        ip4: `98.0.${n}.1`,
        upMbps: 16,
        downMbps: 16,
      })
      const client = await this.#resident(host, { isClient: true, isFresh: isCold })
      this.#clients.push(client)
      if (isCold) this.#supervise(uploadCold(parts, client, (seconds) => tally.coldUploads.push(seconds)))
      else this.#supervise(uploadWarm(parts, client, (seconds) => tally.uploads.push(seconds)))
    }
  }

  async #resident(
    host: Resident['host'],
    more: Pick<ResidentOptions, 'isClient' | 'isFresh' | 'isSlow'>,
  ): Promise<Resident> {
    const identity = await this.#world.identity(host.name)
    const own = {
      world: this.#world,
      path: this.path,
      settings: this.#settings,
      tally: this.#tally,
      weather: this.#weather,
    }
    return new Resident({ ...own, ...more, host, identity })
  }

  /** Starts, keeps up its neighbours, ends, and begins anew after a while; genesis lives for ever. */
  async #live(resident: Resident, place: number): Promise<void> {
    const { lifeMs, lookMs, deadMs } = this.#settings
    const world = this.#world
    const random = world.random(`life ${place}`)
    for (;;) {
      await resident.start()
      const ends = place === 0 ? Infinity : world.now - Math.log(1 - random.fraction()) * lifeMs
      while (world.now < ends) {
        this.#meet(resident, random)
        await world.sleep(Math.min(ends - world.now, random.between(0.5, 1.5) * lookMs))
      }
      await resident.end(random.chance(0.5))
      await world.sleep(deadMs)
    }
  }

  /** Its line fails now and then, and neither it nor those it was connected with end. */
  async #suffer({ host }: Resident, place: number): Promise<void> {
    const { outageEveryMs, outageMs, joinMs } = this.#settings
    const world = this.#world
    const random = world.random(`outages ${place}`)
    await world.sleep(joinMs)
    for (;;) {
      await world.sleep(-Math.log(1 - random.fraction()) * outageEveryMs)
      this.#weather.cut(host.nic, outageMs)
      await world.sleep(outageMs)
    }
  }

  /** Genesis, and somebody else each time. */
  #meet(resident: Resident, random: SeededRandom): void {
    for (const peer of [this.#residents[0], random.pick(this.#residents)]) {
      if (peer !== undefined && peer !== resident && peer.isBelieved)
        this.#supervise(resident.reach(peer).then(() => {}))
    }
  }

  #haunt(stranger: Stranger, n: number): void {
    const world = this.#world
    const random = world.random(`silent ${n}`)
    const next = (): void => {
      const target = random.pick(this.#residents)
      if (target.transport !== null && stranger.open < SILENT_MAX) stranger.dial(target.address)
      world.timeline.at(world.now + random.between(2000, 6000), next)
    }
    world.timeline.at(world.now + random.between(0, 6000), next)
  }

  #look(): void {
    const { timeline } = this.#world
    timeline.at(timeline.now + LOOK_MS, () => {
      this.#watch.look(timeline.now, this.#residents, this.#clients)
      this.#look()
    })
  }

  #close(): Period {
    const { figures } = this.#tally
    const inbound = [...this.#residents, ...this.#clients].map((resident) => resident.inbound)
    const accepted = sum(inbound.map((each) => each.accepted))
    const reading = this.path === 'sallyport' ? sum(inbound.map((each) => each.reading)) : figures.entered
    return this.#tally.close({ ms: this.#world.now, accepted, reading, busy: this.#busy(), alarms: this.#watch.alarms })
  }

  /** The busiest of the processes that lived through the period. */
  #busy(): number {
    const before = this.#worked
    this.#worked = new Map()
    let most = 0
    for (const { host } of this.#residents) {
      const { process } = host
      if (process === null || process.processor.slowness > 1) continue
      const { workedMs } = process.processor
      this.#worked.set(process, workedMs)
      const at = before.get(process)
      if (at !== undefined) most = Math.max(most, (workedMs - at) / this.#settings.periodMs)
    }
    return most
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)
