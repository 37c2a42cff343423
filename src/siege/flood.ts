// Many clients at once against one node: each with its own identity and socket, all made beforehand, so that what is measured is the
// dialling. Silent clients go first. Loopback only: a siege is a test of one's own node, never of somebody else's.
import type { Address } from '../core/address.ts'
import { SallyportError, createNode, generateIdentity, systemPorts } from '../index.ts'
import type { CounterSnapshot, ErrorCode, Identity, Node, Ports } from '../index.ts'
import { Child } from '../testnet/child.ts'
import { besiege } from './silent-client.ts'
import type { SilentClient } from './silent-client.ts'
import type { AcceptanceKind, TargetReport, TargetRequest } from './target.ts'

/** What to do; `address` null starts a node in a child process. */
export interface FloodOptions {
  readonly address: string | null
  readonly clients: number
  readonly silent: number
  readonly acceptance: AcceptanceKind
  readonly signal: AbortSignal
}

/** What `flood --json` prints; `connected` counts the honest clients whose handshake finished, times are milliseconds. */
export interface FloodReport {
  readonly clients: number
  readonly silent: number
  readonly connected: number
  readonly identified: number
  readonly failed: Readonly<Partial<Record<ErrorCode, number>>>
  /** From the dial to identified; null when nobody was. */
  readonly identityMs: { readonly p50: number; readonly p99: number; readonly max: number } | null
  readonly wallMs: number
  readonly serverAccepted?: number
  readonly serverRegistered?: number
  readonly serverReading?: number
}

/** How one client fared. */
type Fate = { readonly kind: 'identified'; readonly ms: number } | { readonly kind: 'failed'; readonly code: ErrorCode }

/** How long the server's counters may lag behind the clients'. */
const SETTLE_MS = 2_000
const SETTLE_STEP_MS = 20

/** Runs a flood and resolves to its report; rejects with ARGUMENT_INVALID when the target is not on this machine. */
export const flood = async (options: FloodOptions): Promise<FloodReport> => {
  if (options.address !== null) return attack(options.address, options)
  const target = new Child(new URL(`./target${EXTENSION}`, import.meta.url), [options.acceptance])
  try {
    const address = await ask<string>(target, { kind: 'listen' })
    const report = await Promise.race([attack(address, options), target.died])
    const { accepted, registered, reading } = await settledCounters(target, report.connected)
    return {
      ...report,
      serverAccepted: accepted.inbound,
      serverRegistered: registered.inbound,
      serverReading: reading.inbound,
    }
  } finally {
    await target.end()
  }
}

/** Whether a flood shows what it should: everybody identified, and the server's three counters equal to the finished handshakes. */
export const isClean = (report: FloodReport): boolean => {
  const { clients, identified, connected, serverAccepted, serverRegistered, serverReading } = report
  const served = [serverAccepted, serverRegistered, serverReading].filter((count) => count !== undefined)
  return identified === clients && served.every((count) => count === connected)
}

const EXTENSION = import.meta.filename.endsWith('.ts') ? '.ts' : '.js'

const ask = <Result>(target: Child, request: TargetRequest): Promise<Result> => target.request<Result>(request)

const attack = async (address: string, options: FloodOptions): Promise<FloodReport> => {
  const target = loopbackOf(address)
  await using ports = await systemPorts()
  const crowd: Node[] = []
  const silent: SilentClient[] = []
  try {
    for (let n = 0; n < options.clients; n++)
      crowd.push(await unless(options.signal, () => honestClient(target, ports)))
    const identities: Identity[] = []
    for (let n = 0; n < options.silent; n++) identities.push(await unless(options.signal, generateIdentity))
    const begun = performance.now()
    for (const identity of identities) silent.push(await unless(options.signal, () => besiege(target, identity, ports)))
    const fates = await Promise.all(crowd.map((client) => dial(client, address, options.signal)))
    if (options.signal.aborted) throw new SallyportError('CANCELLED', 'interrupted')
    return reportOf(options, fates, crowd, performance.now() - begun)
  } finally {
    await Promise.allSettled([...crowd, ...silent].map((client) => client.close()))
  }
}

/** Makes one of many, unless told to stop; a turn of the event loop comes first, in which a signal can arrive. */
const unless = async <Made>(signal: AbortSignal, make: () => Promise<Made>): Promise<Made> => {
  await new Promise<void>((resolve) => setImmediate(resolve))
  if (signal.aborted) throw new SallyportError('CANCELLED', 'interrupted')
  return make()
}

const honestClient = async (target: Address, ports: Ports): Promise<Node> =>
  createNode({
    listen: [target.family === 4 ? '/ip4/127.0.0.1/udp/0/quic-v1' : '/ip6/::1/udp/0/quic-v1'],
    identity: await generateIdentity(),
    capability: 'client',
    ports,
  })

const dial = async (client: Node, address: string, signal: AbortSignal): Promise<Fate> => {
  const begun = performance.now()
  try {
    await client.transport.connectPeer(address, { signal })
    return { kind: 'identified', ms: performance.now() - begun }
  } catch (error) {
    return { kind: 'failed', code: SallyportError.from(error).code }
  }
}

const reportOf = (
  options: FloodOptions,
  fates: readonly Fate[],
  crowd: readonly Node[],
  wallMs: number,
): FloodReport => {
  const times = fates.flatMap((fate) => (fate.kind === 'identified' ? [fate.ms] : [])).sort((a, b) => a - b)
  const failed: Partial<Record<ErrorCode, number>> = {}
  for (const fate of fates) if (fate.kind === 'failed') failed[fate.code] = (failed[fate.code] ?? 0) + 1
  return {
    clients: options.clients,
    silent: options.silent,
    connected: crowd.filter((client) => client.counters().accepted.outbound > 0).length,
    identified: times.length,
    failed,
    identityMs: times.length === 0 ? null : { p50: rank(times, 0.5), p99: rank(times, 0.99), max: rank(times, 1) },
    wallMs: Math.round(wallMs),
  }
}

/** The value at `share` of the sorted `times`, by nearest rank, to a hundredth of a millisecond. */
const rank = (times: readonly number[], share: number): number =>
  Math.round((times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? 0) * 100) / 100

/** The counters once they show `connected` registrations, or what they show when the time is up. */
const settledCounters = async (target: Child, connected: number): Promise<CounterSnapshot> => {
  const deadline = performance.now() + SETTLE_MS
  for (;;) {
    const { counters } = await ask<TargetReport>(target, { kind: 'report' })
    if (counters.reading.inbound >= connected || performance.now() > deadline) return counters
    await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS))
  }
}

/** The socket address of a target on this machine; anything else is refused before a packet is sent. */
const loopbackOf = (address: string): Address => {
  const match = /^\/(?:ip4\/(127\.\d+\.\d+\.\d+)|ip6\/(::1))\/udp\/(\d+)\/quic-v1(?:\/|$)/.exec(address)
  if (match === null)
    throw new SallyportError('ARGUMENT_INVALID', `a flood dials loopback addresses only, not ${address}`)
  const [, v4, v6, port] = match
  return v4 === undefined
    ? { family: 6, ip: v6 ?? '::1', port: Number(port) }
    : { family: 4, ip: v4, port: Number(port) }
}
