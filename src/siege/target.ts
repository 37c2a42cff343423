// The node that is besieged, in a process of its own; started by `Siege` and by benchmarks, never by hand. The first argument says
// how it accepts: `own` is a node as everybody has it, any other the same transport with that control's accept path in it. A second one
// is the places of the registrar's channel.
import { formatAddress, parseAddress } from '../core/address.ts'
import { SallyportError, createNode, generateIdentity, systemPorts } from '../index.ts'
import type { CounterSnapshot, GateOptions } from '../index.ts'
import { TransportHandle } from '../node/transport-handle.ts'
import { CONTROLS, controlOf } from '../lab/controls.ts'
import type { Control } from '../lab/controls.ts'
import type { Figures } from '../lab/strategies/figures.ts'
import { serve } from '../testnet/serve.ts'
import { ECHO_PROTOCOL, FILL_BYTES, FILL_PROTOCOL } from './protocols.ts'

export type { AcceptanceKind } from './acceptances.ts'

/** A request to a target. */
export type TargetRequest =
  /** Starts the node, which takes loopback addresses for what is said, by default for its own machine; answered with the address to dial. */
  | { readonly kind: 'listen'; readonly loopback?: GateOptions['loopback'] }
  /** Answered with the `TargetReport`. */
  | { readonly kind: 'report' }

/** The node's counters, what it holds now, the microseconds of CPU time its process has used, and what a control noted of itself. */
export interface TargetReport {
  readonly counters: CounterSnapshot
  readonly halfOpenIn: number
  readonly connections: number
  /** Peers that are identified now. */
  readonly peers: number
  readonly cpuMicros: number
  readonly rssBytes: number
  readonly figures: Readonly<Figures> | null
}

/** What a target needs of what it runs. */
interface Target {
  readonly address: string
  readonly figures: Figures | null
  readonly transport: TransportHandle
  close(): Promise<void>
}

const LISTEN = '/ip4/127.0.0.1/udp/0/quic-v1'

let target: Target | null = null

const answer = async (request: TargetRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'listen':
      target = await started({ loopback: request.loopback ?? 'trusted' })
      target.transport.handle(ECHO_PROTOCOL, ({ payload }) => ({ status: 0, payload }))
      target.transport.handle(FILL_PROTOCOL, () => ({ status: 0, payload: FILL }))
      return target.address
    case 'report':
      return report()
  }
}

const FILL = new Uint8Array(FILL_BYTES)

const started = (gate: Partial<GateOptions>): Promise<Target> => {
  const [, , kind = 'own', channelMax] = process.argv
  const control = CONTROLS.find((name) => name === kind)
  if (control === undefined) return ownTarget(gate)
  return controlTarget(gate, controlOf(control, channelMax === undefined ? {} : { channelMax: Number(channelMax) }))
}

const ownTarget = async (gate: Partial<GateOptions>): Promise<Target> => {
  const node = await createNode({ listen: [LISTEN], capability: 'node', gate })
  const [address] = node.addresses
  if (address === undefined) throw new SallyportError('BIND_FAILED', 'the node has no address')
  return { address, figures: null, transport: node.transport, close: () => node.close() }
}

const controlTarget = async (gate: Partial<GateOptions>, { options, figures }: Control): Promise<Target> => {
  const ports = await systemPorts()
  const identity = await generateIdentity()
  const local = parseAddress(LISTEN, { listen: true })
  if (local === null) throw new SallyportError('ADDRESS_INVALID', LISTEN)
  const transport = await TransportHandle.open({
    ports,
    identity,
    capability: 'node',
    listen: [local.address],
    gate,
    ...options,
  })
  const [bound] = transport.locals
  if (bound === undefined) throw new SallyportError('BIND_FAILED', 'the transport has no address')
  return {
    address: formatAddress(bound, identity.peerId),
    figures,
    transport,
    close: async () => {
      await transport.close()
      await ports.close()
    },
  }
}

const report = (): TargetReport => {
  if (target === null) throw new SallyportError('CLOSED', 'the node was not started')
  const { transport, figures } = target
  // What must always hold, holds under siege too; a node that breaks it says so instead of reporting. Controls are there to break it.
  if (figures === null) transport.checkInvariants()
  const { user, system } = process.cpuUsage()
  const { halfOpenIn, connections } = transport.gauges()
  return {
    counters: transport.counters(),
    halfOpenIn,
    connections,
    peers: transport.peers().length,
    cpuMicros: user + system,
    rssBytes: process.memoryUsage.rss(),
    figures,
  }
}

serve<TargetRequest>(answer, async () => target?.close())
