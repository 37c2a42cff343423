// Ours among the peers: the programs of ours/, which take the common command line and speak what the other does.
import { join } from 'node:path'
import { OURS } from './cell.ts'
import type { ClientOrders, Peer, ServerOrders } from './peer.ts'
import { clientArguments, commonPeer, serverArguments } from './strangers.ts'

const PROGRAM = join(import.meta.dirname, 'ours/main.ts')

/** What no other's program is told. */
const own = ({ alpn, suite, preferred }: ServerOrders | ClientOrders): string[] => [
  '--alpn',
  alpn,
  '--suite',
  suite,
  ...(preferred === null ? [] : ['--preferred', String(preferred)]),
]

/** Our client and server. */
export const ourPeer = (): Peer => {
  const file = process.execPath
  const peer = commonPeer({ name: OURS, version: '', file, before: [PROGRAM], lacks: {} })
  return {
    ...peer,
    server: (orders) => ({
      file,
      args: [PROGRAM, 'server', ...serverArguments(orders), ...own(orders)],
    }),
    client: (orders) => {
      const args = [PROGRAM, 'client', ...clientArguments(orders), ...own(orders)]
      return { ...peer.client(orders), commands: [{ file, args: orders.refused ? [...args, '--refused'] : args }] }
    },
  }
}
