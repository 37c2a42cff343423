// Ours among the peers: the programs of ours/, which take the common command line and speak what the other does.
import { join } from 'node:path'
import { OURS } from './cell.ts'
import type { Peer } from './peer.ts'
import { clientArguments, commonPeer, serverArguments } from './strangers.ts'

const PROGRAM = join(import.meta.dirname, 'ours/main.ts')

/** Our client and server. */
export const ourPeer = (): Peer => {
  const file = process.execPath
  const peer = commonPeer({ name: OURS, version: '', file, before: [PROGRAM], lacks: {} })
  return {
    ...peer,
    server: (orders) => ({
      file,
      args: [PROGRAM, 'server', ...serverArguments(orders), '--alpn', orders.alpn, '--suite', orders.suite],
    }),
    client: (orders) => {
      const args = [PROGRAM, 'client', ...clientArguments(orders), '--alpn', orders.alpn, '--suite', orders.suite]
      return { ...peer.client(orders), commands: [{ file, args: orders.refused ? [...args, '--refused'] : args }] }
    },
  }
}
