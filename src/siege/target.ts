// The node that a flood without an address dials, in a process of its own; started by `flood`, never by hand. The one argument says how
// it accepts: `own` is a node as everybody has it, `serial` the same transport with a double of the accept path in it.
import { formatAddress, parseAddress } from '../core/address.ts'
import { SallyportError, createNode, generateIdentity, systemPorts } from '../index.ts'
import type { CounterSnapshot } from '../index.ts'
import { TransportHandle } from '../node/transport-handle.ts'
import { serve } from '../testnet/serve.ts'
import { SerialAdmission } from './serial-admission.ts'

/** How a target accepts connections. */
export type AcceptanceKind = 'own' | 'serial'

/** A request to a target. */
export type TargetRequest =
  /** Starts the node; answered with the address to dial. */
  | { readonly kind: 'listen' }
  /** Answered with the `TargetReport`. */
  | { readonly kind: 'report' }

/** The node's counters, and the microseconds of CPU time its process has used. */
export interface TargetReport {
  readonly counters: CounterSnapshot
  readonly cpuMicros: number
}

/** What a target needs of what it runs. */
interface Target {
  readonly address: string
  counters(): CounterSnapshot
  close(): Promise<void>
}

const LISTEN = '/ip4/127.0.0.1/udp/0/quic-v1'

let target: Target | null = null

const answer = async (request: TargetRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'listen':
      target = process.argv[2] === 'serial' ? await serialTarget() : await ownTarget()
      return target.address
    case 'report':
      return report()
  }
}

/** Echoes requests of `/echo/1`, so that benchmarks can say a few bytes. */
const ownTarget = async (): Promise<Target> => {
  const node = await createNode({ listen: [LISTEN], capability: 'node' })
  node.transport.handle('/echo/1', ({ payload }) => ({ status: 0, payload }))
  const [address] = node.addresses
  if (address === undefined) throw new SallyportError('BIND_FAILED', 'the node has no address')
  return { address, counters: () => node.counters(), close: () => node.close() }
}

const serialTarget = async (): Promise<Target> => {
  const ports = await systemPorts()
  const identity = await generateIdentity()
  const local = parseAddress(LISTEN, { listen: true })
  if (local === null) throw new SallyportError('ADDRESS_INVALID', LISTEN)
  const transport = await TransportHandle.open({
    ports,
    identity,
    capability: 'node',
    listen: [local.address],
    admission: new SerialAdmission(),
  })
  const [bound] = transport.locals
  if (bound === undefined) throw new SallyportError('BIND_FAILED', 'the transport has no address')
  return {
    address: formatAddress(bound, identity.peerId),
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
  return { counters: target.counters(), cpuMicros: user + system }
}

serve<TargetRequest>(answer, async () => target?.close())
