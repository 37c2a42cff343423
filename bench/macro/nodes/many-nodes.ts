// The other side of what is measured: many nodes in one process, each with an identity and a socket of its own, that dial, are dialled, and
// come back.
import { createNode, generateIdentity, systemPorts } from '../../../src/index.ts'
import type { Node } from '../../../src/index.ts'
import { serve } from '../../../src/testnet/serve.ts'
import { ECHO } from './echo.ts'

/** What they are asked. */
export type ManyNodesRequest =
  /** Makes so many more: the addresses of all. */
  | { readonly kind: 'prepare'; readonly count: number }
  /** So many of those that never dialled do: how many milliseconds passed. */
  | { readonly kind: 'dial'; readonly address: string; readonly count: number; readonly atOnce: number }
  /** All that dialled leave. */
  | { readonly kind: 'leave' }
  /** All that left dial again, as whoever they were: how many milliseconds passed. */
  | { readonly kind: 'return'; readonly address: string; readonly atOnce: number }
  /** All that dialled are no more. */
  | { readonly kind: 'end' }

const LISTEN = ['/ip4/127.0.0.1/udp/0/quic-v1']
/** What is said last has left after this. */
const LEAVE_MS = 300

const ports = await systemPorts()
const fresh: Node[] = []
const gone: Node[] = []
const there: Node[] = []

const prepare = async (count: number): Promise<string[]> => {
  for (let n = 0; n < count; n++) {
    const node = await createNode({ listen: LISTEN, identity: await generateIdentity(), capability: 'client', ports })
    node.transport.handle(ECHO, ({ payload }) => ({ status: 0, payload }))
    fresh.push(node)
  }
  return fresh.flatMap(({ addresses }) => addresses)
}

const dialAll = async (nodes: readonly Node[], address: string, atOnce: number): Promise<number> => {
  const rest = nodes.values()
  const begun = performance.now()
  const lane = async (): Promise<void> => {
    for (const node of rest) {
      const { peerId } = await node.transport.connectPeer(address)
      const { payload } = await node.transport.request(peerId, ECHO, Uint8Array.of(1, 2, 3))
      if (payload.length !== 3) throw new Error('the echo is not what was sent')
      there.push(node)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return performance.now() - begun
}

const leave = async (): Promise<null> => {
  for (const node of there) for (const { peerId } of node.transport.peers()) node.transport.disconnectPeer(peerId)
  gone.push(...there.splice(0))
  await new Promise((resolve) => setTimeout(resolve, LEAVE_MS))
  return null
}

const end = async (): Promise<null> => {
  await Promise.all([...there.splice(0), ...gone.splice(0)].map((node) => node.close()))
  return null
}

serve<ManyNodesRequest>(
  async (request) => {
    switch (request.kind) {
      case 'prepare':
        return prepare(request.count)
      case 'dial':
        return dialAll(fresh.splice(0, request.count), request.address, request.atOnce)
      case 'leave':
        return leave()
      case 'return':
        return dialAll(gone.splice(0), request.address, request.atOnce)
      case 'end':
        return end()
    }
  },
  async () => {},
)
