// The end of a run: what is wrong is healed for most, a few are gone for good, and from the rest progress is demanded. Whoever had a bad
// time may need a moment, but nobody may need more than that, and nothing that was promised may be missing.
import { parseAddress } from '../../core/address.ts'
import type { World } from '../world.ts'
import type { Findings } from './findings.ts'
import type { Member } from './member.ts'
import type { Stranger } from './stranger.ts'
import type { Workload } from './workload.ts'

/** What is left when the faults are over. */
export interface ProgressParts {
  readonly world: World
  readonly members: readonly Member[]
  readonly strangers: readonly Stranger[]
  readonly workload: Workload
  readonly findings: Findings
  readonly calmMs: number
}

/** Every acknowledged chunk has four holders: with so many gone for good one is left. */
const GONE_MAX = 3

/** From healing on, everybody has joined by then: connections to nobody end after 30 s, tries come every 5 s, and a lookup takes its time. */
const JOINED_WITHIN_MS = 180_000

/** A call between two that are well is tried so often. */
const TRIES = 4
const AGAIN_MS = 5000

/** Rounds of meetings, and what each node uploads meanwhile. */
const ROUNDS = 3
const BULK_BYTES = 100_000

/** A silent one is sent away 5 s after its handshake; what it hears of it takes a round trip. */
const SILENT_WITHIN_MS = 12_000

/** Dials at once from one address, and how many of their handshakes may finish: a burst of 100, 20 a second, and what was over before. */
const FLOOD_DIALS = 200
const FLOOD_MS = 3000
const FLOOD_FINISHED_MAX = 170

/** Demands progress; what is missing is a finding. */
export const demandProgress = async (parts: ProgressParts): Promise<void> => {
  const { world, members, workload, findings, calmMs } = parts
  const core = pickCore(parts)
  await until(world, JOINED_WITHIN_MS, () => core.every(({ joined }) => joined))
  for (const { joined, host } of core) if (!joined) findings.add('progress: everybody joins', host.name)
  await world.sleep(calmMs / 4)
  workload.stop()
  await everybodyMeets(parts, core)
  await silentOnesGo(parts, core)
  await floodIsBounded(parts, core)
  await filesAreThere(parts, core)
  for (const member of members) member.check()
  await Promise.all(core.map((member) => member.close()))
}

/** Some nodes go for good: not the first three, through whom everybody joins, and no client. */
const pickCore = ({ world, members }: ProgressParts): Member[] => {
  const random = world.random('core')
  const nodes = members.filter(({ kind }, place) => kind === 'node' && place >= 3)
  const gone = new Set(
    Array.from({ length: Math.min(GONE_MAX, Math.floor(nodes.length / 5)) }, () => random.pick(nodes)),
  )
  for (const member of gone) member.host.kill()
  return members.filter((member) => !gone.has(member))
}

/** Everybody meets some others anew and asks them, while files go up and down: in a quiet network nobody fails to tell who they are. */
const everybodyMeets = async (parts: ProgressParts, core: readonly Member[]): Promise<void> => {
  const { world, workload, findings } = parts
  const random = world.random('meetings')
  const nodes = core.filter(({ kind }) => kind === 'node')
  const before = identityTimeouts(core)
  const meet = async (member: Member, peer: Member): Promise<void> => {
    member.node?.transport.disconnectPeer(peer.identity.peerId)
    if (!(await tried(world, () => workload.dial(member, peer)))) {
      findings.add('progress: everybody is dialled', member.host.name, peer.host.name)
    } else if (!(await tried(world, () => meetAndEcho(workload, member, peer)))) {
      findings.add('progress: everybody answers', member.host.name, peer.host.name)
    }
  }
  for (let round = 1; round <= ROUNDS; round++) {
    const meetings = core.map((member) => meet(member, random.pick(nodes.filter((other) => other !== member))))
    const bulk = nodes.map((member) => workload.put(member, BULK_BYTES))
    await Promise.all([...meetings, ...bulk])
  }
  const timeouts = identityTimeouts(core) - before
  if (timeouts > 0) findings.add('progress: everybody says who they are', 'core', `${timeouts} did not in time`)
}

const identityTimeouts = (core: readonly Member[]): number =>
  core.reduce((sum, { node }) => sum + (node?.counters().identityTimeouts ?? 0), 0)

const meetAndEcho = async (workload: Workload, member: Member, peer: Member): Promise<boolean> =>
  (member.node?.transport.peer(peer.identity.peerId) !== null || (await workload.dial(member, peer))) &&
  workload.echo(member, peer)

const silentOnesGo = async ({ world, strangers, findings }: ProgressParts, core: readonly Member[]): Promise<void> => {
  const [silent] = strangers
  const [target] = core
  const address = parseAddress(target?.address ?? '')?.address
  if (silent === undefined || target === undefined || address === undefined) return
  const before = silent.finished
  silent.dial(address, 3)
  await world.sleep(SILENT_WITHIN_MS)
  if (silent.open > 0)
    findings.add('who never says HELLO is sent away', target.host.name, `${silent.open} are still there`)
  if (silent.finished === before) findings.add('progress: everybody is dialled', silent.host.name, target.host.name)
}

const floodIsBounded = async (
  { world, strangers, findings }: ProgressParts,
  core: readonly Member[],
): Promise<void> => {
  const flood = strangers[1]
  const target = core[1]
  const address = parseAddress(target?.address ?? '')?.address
  if (flood === undefined || target === undefined || address === undefined) return
  const before = flood.finished
  flood.dial(address, FLOOD_DIALS)
  await world.sleep(FLOOD_MS)
  const finished = flood.finished - before
  if (finished > FLOOD_FINISHED_MAX)
    findings.add('one address has its rate', target.host.name, `${finished} handshakes`)
}

const filesAreThere = async ({ world, workload, findings }: ProgressParts, core: readonly Member[]): Promise<void> => {
  const random = world.random('readers')
  const writer = random.pick(core)
  if (!(await tried(world, () => workload.put(writer, 50_000)))) {
    findings.add('progress: a file goes up', writer.host.name)
  }
  for (const file of workload.acknowledged) {
    const reader = random.pick(core)
    if (await tried(world, () => workload.get(reader, file))) continue
    findings.add('what was acknowledged is there', reader.host.name, file.link)
  }
}

const tried = async (world: World, call: () => Promise<boolean>): Promise<boolean> => {
  for (let attempt = 1; ; attempt++) {
    if (await call()) return true
    if (attempt === TRIES) return false
    await world.sleep(AGAIN_MS)
  }
}

const until = async (world: World, limitMs: number, holds: () => boolean): Promise<void> => {
  const end = world.now + limitMs
  while (!holds() && world.now < end) await world.sleep(1000)
}
