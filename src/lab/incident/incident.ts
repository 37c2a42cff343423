// The incident, replayed: a genesis host, others that join over minutes, live and end, slow ones, silent ones, and a client that uploads without
// pause. The accept path is the only difference between two replays; what comes of it is measured, never written in.
import type { SeededRandom } from '../../world/random.ts'
import { REGIONS } from '../../world/regions.ts'
import { Stranger } from '../../world/nodes/stranger.ts'
import { World } from '../../world/world.ts'
import type { Exchanges } from './resident.ts'
import { Resident } from './resident.ts'
import type { IncidentSettings, Path } from './settings.ts'

/** What was measured in one period. */
export interface Period {
  /** Seconds each upload took, in order: of the client that never pauses, and of the one that comes cold each time. */
  readonly uploads: readonly number[]
  readonly coldUploads: readonly number[]
  readonly exchangesDone: number
  readonly exchangesTimedOut: number
  readonly exchangeP99Ms: number
  /** Of all hosts at the end of the period: finished inbound handshakes that nobody reads. */
  readonly gap: number
  /** Of all hosts so far. */
  readonly lockWaitMs: number
  readonly queueDepth: number
}

/** A replay under way or over. */
export class Incident {
  readonly periods: Period[] = []
  readonly #settings: IncidentSettings
  readonly #world: World
  readonly #residents: Resident[] = []
  readonly #exchanges: Exchanges = { done: 0, timedOut: 0, times: [] }
  #uploads: number[] = []
  #coldUploads: number[] = []

  constructor(path: Path, settings: IncidentSettings) {
    this.#settings = settings
    this.#world = new World({ seed: settings.seed })
    this.path = path
  }

  readonly path: Path

  /** Runs it to its end. */
  async run(told: (period: Period) => void): Promise<void> {
    const { ms, periodMs } = this.#settings
    const world = this.#world
    const trouble: Error[] = []
    const supervised = (task: Promise<void>): void =>
      void task.catch((error: unknown) => trouble.push(error instanceof Error ? error : new Error(String(error))))
    await this.#settle(supervised)
    supervised(this.#uploadWarm(await this.#client('client', '98.0.0.1')))
    supervised(this.#uploadCold(await this.#client('cold', '98.0.1.1')))
    for (let end = periodMs; end <= ms && trouble.length === 0; end += periodMs) {
      await world.timeline.play(end)
      const period = this.#close()
      this.periods.push(period)
      told(period)
    }
    if (trouble[0] !== undefined) throw trouble[0]
  }

  async #settle(supervised: (task: Promise<void>) => void): Promise<void> {
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
      const resident = await this.#resident(host, `h${place}`)
      this.#residents.push(resident)
      world.timeline.at((joinMs * place) / hosts, () => supervised(this.#live(resident, place)))
    }
    for (let n = 0; n < Math.ceil(hosts * silentShare); n++) {
      const host = world.host({ name: `s${n}`, region: 'europe', ip4: `99.${n >> 8}.${n & 255}.1` })
      this.#haunt(await Stranger.open(host, await world.identity(`s${n}`)), n)
    }
  }

  async #client(name: string, ip4: string): Promise<Resident> {
    const host = this.#world.host({ name, region: 'europe', ip4, upMbps: 16, downMbps: 16 })
    return this.#resident(host, name)
  }

  async #resident(host: Resident['host'], name: string): Promise<Resident> {
    const identity = await this.#world.identity(name)
    return new Resident(this.#world, { host, identity, path: this.path, exchanges: this.#exchanges })
  }

  /** Starts, keeps up its neighbours, ends, and begins anew after a minute; genesis lives for ever. */
  async #live(resident: Resident, place: number): Promise<void> {
    const { lifeMs, lookMs } = this.#settings
    const world = this.#world
    const random = world.random(`life ${place}`)
    for (;;) {
      await resident.start()
      const ends = place === 0 ? Infinity : world.now - Math.log(1 - random.fraction()) * lifeMs
      while (world.now < ends) {
        await this.#meet(resident, random.pick(this.#residents))
        await world.sleep(Math.min(ends - world.now, random.between(0.5, 1.5) * lookMs))
      }
      await resident.end(random.chance(0.5))
      await world.sleep(60_000)
    }
  }

  /** Genesis first, and somebody else each time. */
  async #meet(resident: Resident, other: Resident): Promise<void> {
    const [genesis] = this.#residents
    const wanted = [genesis, other].flatMap((peer) => (peer === undefined || peer === resident ? [] : [peer]))
    await Promise.all(wanted.map((peer) => resident.reach(peer)))
  }

  #haunt(stranger: Stranger, n: number): void {
    const world = this.#world
    const random = world.random(`silent ${n}`)
    const next = (): void => {
      const target = random.pick(this.#residents)
      if (target.transport !== null && stranger.open < 3) stranger.dial(target.address)
      world.timeline.at(world.now + random.between(2000, 6000), next)
    }
    world.timeline.at(world.now + random.between(0, 6000), next)
  }

  async #uploadWarm(client: Resident): Promise<void> {
    const world = this.#world
    const random = world.random('uploads')
    await world.sleep(this.#settings.joinMs)
    await client.start()
    for (;;) {
      this.#uploads.push(await this.#upload(client, random))
      await world.sleep(100)
    }
  }

  async #uploadCold(client: Resident): Promise<void> {
    const world = this.#world
    const random = world.random('cold uploads')
    await world.sleep(this.#settings.joinMs)
    for (;;) {
      await client.start()
      this.#coldUploads.push(await this.#upload(client, random))
      await client.end(true)
      await world.sleep(1000)
    }
  }

  /** One file: each chunk goes to so many hosts, and where one fails the next is tried. Seconds it took. */
  async #upload(client: Resident, random: SeededRandom): Promise<number> {
    const { chunks, chunkBytes, atOnce } = this.#settings
    const world = this.#world
    const began = world.now
    let next = 0
    const worker = async (): Promise<void> => {
      while (next < chunks) {
        next++
        await this.#place(client, random.bytes(chunkBytes), random.below(this.#residents.length))
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    return (world.now - began) / 1000
  }

  async #place(client: Resident, chunk: Uint8Array, from: number): Promise<void> {
    const { holders } = this.#settings
    const count = this.#residents.length
    let held = 0
    for (let step = 0; step < count && held < holders; step++) {
      const other = this.#residents[(from + step) % count]
      if (other !== undefined && other.transport !== null && (await client.put(other, chunk.slice()))) held++
    }
  }

  #close(): Period {
    const { done, timedOut, times } = this.#exchanges
    const living = this.#residents.flatMap(({ transport, figures }) =>
      transport === null ? [] : { transport, figures },
    )
    const gaps = living.map(({ transport }) => {
      const { accepted, reading } = transport.counters()
      return accepted.inbound - reading.inbound
    })
    const period = {
      uploads: this.#uploads,
      coldUploads: this.#coldUploads,
      exchangesDone: done,
      exchangesTimedOut: timedOut,
      exchangeP99Ms: quantile(times, 0.99),
      gap: gaps.reduce((sum, gap) => sum + gap, 0),
      lockWaitMs: Math.max(0, ...living.map(({ figures }) => figures.lockWaitMs)),
      queueDepth: Math.max(0, ...living.map(({ figures }) => figures.queueDepth)),
    }
    this.#uploads = []
    this.#coldUploads = []
    this.#exchanges.done = this.#exchanges.timedOut = 0
    times.length = 0
    return period
  }
}

/** The value below which so much of a list lies; NaN of none. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN
}
