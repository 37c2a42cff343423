// The node that is besieged, in a process of its own; started by `Siege`, never by hand. The first argument says how it accepts
// (acceptances.ts), the second what it takes loopback addresses for.
import { formatAddress, parseAddress } from '../core/address.ts'
import { SallyportError, createNode, generateIdentity, systemPorts } from '../index.ts'
import type { CounterSnapshot, GateOptions } from '../index.ts'
import { TransportHandle } from '../node/transport-handle.ts'
import { serve } from '../testnet/serve.ts'
import { ACCEPTANCES } from './acceptances.ts'
import type { AcceptanceChange } from './acceptances.ts'
import { ECHO_PROTOCOL, FILL_BYTES, FILL_PROTOCOL } from './protocols.ts'

export type { AcceptanceKind } from './acceptances.ts'

/** A request to a target. */
export type TargetRequest =
  /** Starts the node; answered with the address to dial. */
  | { readonly kind: 'listen' }
  /** Answered with the `TargetReport`. */
  | { readonly kind: 'report' }

/** The node's counters, what it holds now, and the microseconds of CPU time its process has used. */
export interface TargetReport {
  readonly counters: CounterSnapshot
  readonly halfOpenIn: number
  readonly connections: number
  /** Peers that are identified now. */
  readonly peers: number
  readonly cpuMicros: number
  readonly rssBytes: number
}

/** What a target needs of what it runs. */
interface Target {
  readonly address: string
  readonly transport: TransportHandle
  close(): Promise<void>
}

const LISTEN = '/ip4/127.0.0.1/udp/0/quic-v1'

let target: Target | null = null

const answer = async (request: TargetRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'listen':
      target = await startTarget()
      return target.address
    case 'report':
      return report()
  }
}

const startTarget = async (): Promise<Target> => {
  const [, , acceptance, loopback] = process.argv
  const make = Object.entries(ACCEPTANCES).find(([name]) => name === acceptance)?.[1]
  if (make === undefined) throw new SallyportError('ARGUMENT_INVALID', `there is no acceptance "${acceptance}"`)
  const gate = { loopback: loopback === 'as-outside' ? loopback : 'trusted' } as const
  const change = make()
  const started = await (change === null ? ownTarget(gate) : changedTarget(gate, change))
  started.transport.handle(ECHO_PROTOCOL, ({ payload }) => ({ status: 0, payload }))
  started.transport.handle(FILL_PROTOCOL, () => ({ status: 0, payload: FILL }))
  return started
}

const FILL = new Uint8Array(FILL_BYTES)

const ownTarget = async (gate: Partial<GateOptions>): Promise<Target> => {
  const node = await createNode({ listen: [LISTEN], capability: 'node', gate })
  const [address] = node.addresses
  if (address === undefined) throw new SallyportError('BIND_FAILED', 'the node has no address')
  return { address, transport: node.transport, close: () => node.close() }
}

const changedTarget = async (gate: Partial<GateOptions>, change: Exclude<AcceptanceChange, null>): Promise<Target> => {
  const ports = await systemPorts()
  const identity = await generateIdentity()
  const local = parseAddress(LISTEN, { listen: true })
  if (local === null) throw new SallyportError('ADDRESS_INVALID', LISTEN)
  const listen = [local.address]
  const transport = await TransportHandle.open({ ports, identity, capability: 'node', listen, gate, ...change })
  const [bound] = transport.locals
  if (bound === undefined) throw new SallyportError('BIND_FAILED', 'the transport has no address')
  return {
    address: formatAddress(bound, identity.peerId),
    transport,
    close: async () => {
      await transport.close()
      await ports.close()
    },
  }
}

const report = (): TargetReport => {
  if (target === null) throw new SallyportError('CLOSED', 'the node was not started')
  const { transport } = target
  // What must always hold, holds under siege too; a target that breaks it says so instead of reporting.
  transport.checkInvariants()
  const { user, system } = process.cpuUsage()
  const { halfOpenIn, connections } = transport.gauges()
  return {
    counters: transport.counters(),
    halfOpenIn,
    connections,
    peers: transport.peers().length,
    cpuMicros: user + system,
    rssBytes: process.memoryUsage.rss(),
  }
}

serve<TargetRequest>(answer, async () => target?.close())
