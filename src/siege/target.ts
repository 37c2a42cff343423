// The node that a flood without an address dials: started in a process of its own by `flood`, never by hand. The one argument says how
// it accepts: `own`, or `serial` for the control experiment.
import { SallyportError, createNode, systemPorts } from '../index.ts'
import type { CounterSnapshot, Node } from '../index.ts'
import { serve } from '../testnet/serve.ts'
import { serialPorts } from './serial-udp.ts'

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

let node: Node | null = null

const answer = async (request: TargetRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'listen':
      return listen()
    case 'report':
      return report()
  }
}

const listen = async (): Promise<string> => {
  const ports = await systemPorts()
  node = await createNode({
    listen: ['/ip4/127.0.0.1/udp/0/quic-v1'],
    capability: 'node',
    ports: process.argv[2] === 'serial' ? serialPorts(ports) : ports,
  })
  const [address] = node.addresses
  if (address === undefined) throw new SallyportError('BIND_FAILED', 'the node has no address')
  return address
}

const report = (): TargetReport => {
  if (node === null) throw new SallyportError('CLOSED', 'the node was not started')
  const { user, system } = process.cpuUsage()
  return { counters: node.counters(), cpuMicros: user + system }
}

serve<TargetRequest>(answer, async () => node?.close())
