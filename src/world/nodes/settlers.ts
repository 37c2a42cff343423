// Who lives in a simulated network: nodes of all regions, most of them on good lines, a few clients behind translators, a few slow hosts,
// and strangers who will finish handshakes and say nothing.
import type { HostOptions } from '../host.ts'
import { Nat, NAT_KINDS } from '../nat.ts'
import { SeededRandom } from '../random.ts'
import { REGIONS } from '../regions.ts'
import type { World } from '../world.ts'
import type { Findings } from './findings.ts'
import { Member } from './member.ts'
import { Stranger } from './stranger.ts'

/** Who is to settle, and until when all have been started. */
export interface SettleOptions {
  readonly world: World
  readonly findings: Findings
  readonly hosts: number
  readonly startedMs: number
}

/** One in so many hosts is a client behind a translator, and one in so many is slow; the first three are neither. */
const CLIENT_EVERY = 6
const SLOW_EVERY = 11
const DOORS = 3

const STRANGERS = 2

/** Makes the hosts and starts them one after another; strangers are there from the beginning. */
export const settle = async (options: SettleOptions): Promise<{ members: Member[]; strangers: Stranger[] }> => {
  const { world, findings, hosts, startedMs } = options
  const members: Member[] = []
  for (let place = 0; place < hosts; place++) {
    const name = `h${place}`
    const isClient = place >= DOORS && place % CLIENT_EVERY === CLIENT_EVERY - 1
    const host = world.host(placeOf(world, place, isClient))
    const bootstrap = (): string[] => members.slice(0, Math.min(DOORS, place)).map(({ address }) => address)
    const kind = isClient ? 'client' : 'node'
    members.push(new Member({ world, host, identity: await world.identity(name), findings, kind, bootstrap }))
  }
  for (const [place, member] of members.entries()) {
    world.timeline.at((startedMs * place) / (hosts + 1), () => member.start())
  }
  const strangers: Stranger[] = []
  for (let n = 0; n < STRANGERS; n++) {
    const host = world.host({ name: `s${n}`, region: 'europe', ip4: `99.${n}.1.1` })
    strangers.push(await Stranger.open(host, await world.identity(`s${n}`)))
  }
  return { members, strangers }
}

const placeOf = (world: World, place: number, isClient: boolean): HostOptions => {
  const random = new SeededRandom(world.seed, `host ${place}`)
  const [high, low] = [Math.floor(place / 250), place % 250]
  const at = { name: `h${place}`, region: random.pick(REGIONS) }
  const clock = {
    startMs: random.fraction() * 1e7,
    skewMs: random.between(-500, 500),
    drift: random.between(-5e-5, 5e-5),
  }
  const slowness = place >= DOORS && place % SLOW_EVERY === SLOW_EVERY - 1 ? 8 : 1
  if (!isClient) return { ...at, clock, slowness, ip4: `20.${high}.${low}.1`, upMbps: 500, downMbps: 500 }
  const kind = random.pick(NAT_KINDS)
  const idleMs = random.between(35_000, 180_000)
  const nat = new Nat({ kind, outerIp: `60.${high}.${low}.1`, idleMs }, world.random(`nat ${place}`))
  return { ...at, clock, slowness, nat, ip4: `10.${high}.${low}.1`, upMbps: 20, downMbps: 100 }
}
