// The node that a flood without an address dials, in a process of its own; started by `flood`, never by hand. The first argument says
// how it accepts: `own` is a node as everybody has it, any other the same transport with that control's accept path in it. A second one
// is the places of the registrar's channel.
import { formatAddress, parseAddress } from '../core/address.ts'
import { SallyportError, createNode, generateIdentity, systemPorts } from '../index.ts'
import type { CounterSnapshot } from '../index.ts'
import { TransportHandle } from '../node/transport-handle.ts'
import { CONTROLS, controlOf } from '../lab/controls.ts'
import type { Control, ControlKind } from '../lab/controls.ts'
import type { Figures } from '../lab/strategies/figures.ts'
import { serve } from '../testnet/serve.ts'

/** How a target accepts connections. */
export type AcceptanceKind = 'own' | ControlKind

/** A request to a target. */
export type TargetRequest =
  /** Starts the node; answered with the address to dial. */
  | { readonly kind: 'listen' }
  /** Answered with the `TargetReport`. */
  | { readonly kind: 'report' }

/** The node's counters, the microseconds of CPU time its process has used, and what a control noted of itself. */
export interface TargetReport {
  readonly counters: CounterSnapshot
  readonly cpuMicros: number
  readonly figures: Readonly<Figures> | null
}

/** What a target needs of what it runs. */
interface Target {
  readonly address: string
  readonly figures: Figures | null
  counters(): CounterSnapshot
  close(): Promise<void>
}

const LISTEN = '/ip4/127.0.0.1/udp/0/quic-v1'

let target: Target | null = null

const answer = async (request: TargetRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'listen':
      target = await started(process.argv[2], process.argv[3])
      return target.address
    case 'report':
      return report()
  }
}

const started = (kind = 'own', channelMax?: string): Promise<Target> => {
  const control = CONTROLS.find((name) => name === kind)
  if (control === undefined) return ownTarget()
  return controlTarget(controlOf(control, channelMax === undefined ? {} : { channelMax: Number(channelMax) }))
}

/** Echoes requests of `/echo/1`, so that benchmarks can say a few bytes. */
const ownTarget = async (): Promise<Target> => {
  const node = await createNode({ listen: [LISTEN], capability: 'node' })
  node.transport.handle('/echo/1', ({ payload }) => ({ status: 0, payload }))
  const [address] = node.addresses
  if (address === undefined) throw new SallyportError('BIND_FAILED', 'the node has no address')
  return { address, figures: null, counters: () => node.counters(), close: () => node.close() }
}

const controlTarget = async ({ options, figures }: Control): Promise<Target> => {
  const ports = await systemPorts()
  const identity = await generateIdentity()
  const local = parseAddress(LISTEN, { listen: true })
  if (local === null) throw new SallyportError('ADDRESS_INVALID', LISTEN)
  const transport = await TransportHandle.open({
    ports,
    identity,
    capability: 'node',
    listen: [local.address],
    ...options,
  })
  const [bound] = transport.locals
  if (bound === undefined) throw new SallyportError('BIND_FAILED', 'the transport has no address')
  return {
    address: formatAddress(bound, identity.peerId),
    figures,
    counters: () => transport.counters(),
    close: async () => {
      await transport.close()
      await ports.close()
    },
  }
}

const report = (): TargetReport => {
  if (target === null) throw new SallyportError('CLOSED', 'the node was not started')
  const { user, system } = process.cpuUsage()
  return { counters: target.counters(), cpuMicros: user + system, figures: target.figures }
}

serve<TargetRequest>(answer, async () => target?.close())
