// `sallyport flood`: one siege by its options. Silent clients and whatever else attacks go first, then all honest clients dial at once;
// with a probe, a quiet measurement comes before the attack and a loaded one while it lasts.
import { verdictsOf } from '../core/counters.ts'
import { SallyportError } from '../index.ts'
import type { CounterSnapshot } from '../index.ts'
import type { AcceptanceKind } from './acceptances.ts'
import type { Attack, AttackTotals } from './attack.ts'
import { failuresOf, timesOf } from './fates.ts'
import type { Failures, Fate } from './fates.ts'
import { sampleOf } from './sample.ts'
import type { Sample } from './sample.ts'
import { Siege } from './siege.ts'
import { silentTotal } from './silence.ts'
import type { SilentCounts } from './silence.ts'

/** What to do; `address` null starts a node in a child process. */
export interface FloodOptions {
  readonly address: string | null
  readonly clients: number
  readonly attack: Attack
  /** A new honest client every so many milliseconds; null for none. */
  readonly probeMs: number | null
  /** How long each measurement of a probe takes; without a probe, how long the attack lasts at least. */
  readonly forMs: number | null
  readonly acceptance: AcceptanceKind
  readonly signal: AbortSignal
}

/** One measurement of a probe. */
export interface ProbeReport extends Pick<Sample, 'p50' | 'p99' | 'max'> {
  readonly clients: number
  readonly identified: number
  readonly failed: Failures
}

/** What `flood --json` prints; `connected` counts the honest clients whose handshake finished, times are milliseconds. */
export interface FloodReport {
  readonly clients: number
  readonly silent: number
  readonly silentByKind: SilentCounts
  /** Of clients and probes together. */
  readonly connected: number
  readonly identified: number
  readonly failed: Failures
  /** From the dial to identified; null when nobody was. */
  readonly identityMs: Pick<Sample, 'p50' | 'p99' | 'max'> | null
  readonly wallMs: number
  readonly attack: AttackTotals
  readonly probe?: { readonly everyMs: number; readonly quiet: ProbeReport; readonly loaded: ProbeReport }
  readonly serverAccepted?: number
  readonly serverRegistered?: number
  readonly serverReading?: number
  readonly verdicts?: VerdictTotals
}

/** How the node judged the datagrams of unknown connections: the verdicts, which sum to `judged`, and by what else is worth telling. */
export interface VerdictTotals extends Pick<
  CounterSnapshot,
  | 'judged'
  | 'slots'
  | 'slotsByStanding'
  | 'retries'
  | 'repeats'
  | 'versionNegotiations'
  | 'invalidTokens'
  | 'resets'
  | 'refused'
  | 'dropped'
> {
  readonly displaced: number
  readonly unanswered: number
  readonly kernelDrops: number
}

/** A probe alone, when nobody says how long. */
const PROBE_FOR_MS = 30_000
/** How long the server's counters may lag behind the clients'. */
const SETTLE_MS = 2_000

/** Runs a flood and resolves to its report; rejects with ARGUMENT_INVALID when the target is not on this machine. */
export const flood = async (options: FloodOptions): Promise<FloodReport> => {
  const { address, acceptance, attack, clients, forMs, probeMs, signal } = options
  const spread = attack.prefixes === null && probeMs === null ? 'one-address' : 'prefixes'
  await using siege = await Siege.open({ address, acceptance, spread, signal })
  const everyMs = probeMs ?? 0
  const count = probeMs === null ? 0 : Math.max(1, Math.round((forMs ?? PROBE_FOR_MS) / probeMs))
  await siege.gather(clients)
  const quiet = await siege.probe({ everyMs, count })
  const begun = performance.now()
  await siege.besiege({ ...attack, prefixes: attack.prefixes ?? (spread === 'prefixes' ? 1 : null) })
  const fates = await siege.dial()
  const wallMs = Math.round(performance.now() - begun)
  const loaded = await siege.probe({ everyMs, count })
  if (probeMs === null && forMs !== null) await siege.pause(Math.max(0, begun + forMs - performance.now()))
  const connected = await siege.connected()
  const server = siege.ownsTarget ? await serverOf(siege, connected) : {}
  return {
    clients,
    silent: silentTotal(attack.crowd),
    silentByKind: attack.crowd,
    connected,
    ...outcomeOf(fates),
    wallMs,
    attack: await siege.lift(),
    ...(probeMs === null ? {} : { probe: { everyMs, quiet: probeReport(quiet), loaded: probeReport(loaded) } }),
    ...server,
  }
}

/** What a flood does not show that it should: everybody identified, and the server's three counters equal and as many as they should be. */
export const shortcomingOf = (report: FloodReport): string | null => {
  const { clients, identified, probe, connected, serverAccepted, serverRegistered, serverReading } = report
  if (identified !== clients) return `${identified} of ${clients} clients were identified`
  for (const each of probe === undefined ? [] : [probe.quiet, probe.loaded]) {
    if (each.identified !== each.clients) return `${each.identified} of ${each.clients} probes were identified`
  }
  if (countersAgree(report)) return null
  return `accepted ${serverAccepted}, registered ${serverRegistered}, reading ${serverReading}, of ${connected} that connected`
}

/** The three are the same; silent clients that finish their handshakes are accepted too, by the node's rules. */
const countersAgree = (report: FloodReport): boolean => {
  const { connected, serverAccepted, serverRegistered, serverReading, attack, silentByKind } = report
  if (serverAccepted === undefined) return true
  if (serverAccepted !== serverRegistered || serverRegistered !== serverReading) return false
  const strict = attack.finished === 0 && (silentByKind.mute ?? 0) + (silentByKind.deaf ?? 0) === 0
  return strict ? serverAccepted === connected : serverAccepted >= connected
}

const outcomeOf = (fates: readonly Fate[]): Pick<FloodReport, 'identified' | 'failed' | 'identityMs'> => {
  const sample = sampleOf(timesOf(fates))
  return {
    identified: sample?.count ?? 0,
    failed: failuresOf(fates),
    identityMs: sample === null ? null : { p50: sample.p50, p99: sample.p99, max: sample.max },
  }
}

const probeReport = (fates: readonly Fate[]): ProbeReport => {
  const { identified, failed, identityMs } = outcomeOf(fates)
  return { clients: fates.length, identified, failed, ...(identityMs ?? { p50: 0, p99: 0, max: 0 }) }
}

/** The counters once they show `connected` connections being read, or what they show when the time is up. */
const serverOf = async (siege: Siege, connected: number): Promise<Partial<FloodReport>> => {
  const { counters } = await siege.reportOnce(({ counters }) => counters.reading.inbound >= connected, SETTLE_MS)
  const { accepted, registered, reading } = counters
  return {
    serverAccepted: accepted.inbound,
    serverRegistered: registered.inbound,
    serverReading: reading.inbound,
    verdicts: totalsOf(counters),
  }
}

const totalsOf = (counters: CounterSnapshot): VerdictTotals => {
  if (verdictsOf(counters) !== counters.judged) {
    throw new SallyportError('INTERNAL', 'a datagram was judged twice, or not counted')
  }
  return {
    judged: counters.judged,
    slots: counters.slots,
    slotsByStanding: counters.slotsByStanding,
    displaced: counters.handshakesFailed.inbound.displaced,
    retries: counters.retries,
    repeats: counters.repeats,
    versionNegotiations: counters.versionNegotiations,
    invalidTokens: counters.invalidTokens,
    resets: counters.resets,
    refused: counters.refused,
    dropped: counters.dropped,
    unanswered: counters.unanswered,
    kernelDrops: counters.kernelDrops,
  }
}
