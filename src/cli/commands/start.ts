// `start`: a node that runs until it is told to stop.
import { openAdmin } from '../../admin/admin.ts'
import type { Admin } from '../../admin/admin.ts'
import { createNode } from '../../index.ts'
import type { Node } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run, Surroundings } from '../command.ts'
import { defaultDataDirectory } from '../data-directory.ts'
import { dialableAddresses } from '../dialable.ts'
import { formatCount } from '../size.ts'
import { adminOptions } from './admin-options.ts'

/** Binds, prints the addresses, joins, and waits. To be told to stop is how it is done; from the keyboard it is interrupted. */
export const start: Run<'start'> = async (values, surroundings) => {
  const { listen, bootstrap, data } = values
  const { output, signal } = surroundings
  const asked = await adminOptions(values, process.env)
  const node = await createNode({
    ...(listen.length > 0 ? { listen } : {}),
    bootstrap,
    dataDirectory: data ?? defaultDataDirectory(),
  })
  let admin: Admin | null = null
  try {
    admin = asked === null ? null : await openAdmin(node, asked, { lost: (reason) => output.note(reason) })
    const addresses = dialableAddresses(node.transport.locals, node.peerId)
    for (const address of addresses) output.line(address)
    if (admin !== null) output.note(`admin: ${admin.url}`)
    const where = admin === null ? {} : { admin: admin.url }
    output.object({ event: 'listening', addresses, peerId: node.peerId, ...where })
    if (bootstrap.length > 0) await joinNetwork(node, surroundings)
    admin?.joined()
    await toldToStop(signal)
    admin?.leaving()
  } finally {
    await node.close()
    await admin?.close()
  }
  output.object({ event: 'stopped', ...node.counters() })
  return signal.reason === 'SIGINT' ? EXIT.interrupted : EXIT.done
}

const joinNetwork = async (node: Node, { output, signal }: Surroundings): Promise<void> => {
  try {
    const { peers } = await node.join({ signal })
    output.note(`joined the network: ${formatCount(peers, 'peer')}`)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

const toldToStop = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
