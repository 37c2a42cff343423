// `start`: a node that runs until it is told to stop.
import { openAdmin } from '../../admin/admin.ts'
import type { Admin } from '../../admin/admin.ts'
import { createNode } from '../../index.ts'
import type { Node } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { defaultDataDirectory } from '../data-directory.ts'
import { dialableAddresses } from '../dialable.ts'
import { loggerOption, openLog } from '../log.ts'
import { version } from '../version.ts'
import { adminOptions } from './admin-options.ts'

/** Binds, prints the addresses, joins, and waits. To be told to stop is how it is done; from the keyboard it is interrupted. */
export const start: Run<'start'> = async (values, { output, signal }) => {
  const { listen, bootstrap, data } = values
  const asked = await adminOptions(values, process.env)
  const logger = await openLog(values.logLevel)
  logger?.info({ version: version(), node: process.version }, 'starting')
  const node = await createNode({
    ...(listen.length > 0 ? { listen } : {}),
    bootstrap,
    dataDirectory: data ?? defaultDataDirectory(),
    ...loggerOption(logger),
  })
  let admin: Admin | null = null
  try {
    admin = asked === null ? null : await openAdmin(node, asked, { lost: (reason) => logger?.error({}, reason) })
    const addresses = dialableAddresses(node.transport.locals, node.peerId)
    for (const address of addresses) output.line(address)
    if (admin !== null) {
      // With --json the line on stdout has it, and stderr has the log alone.
      if (!output.json) output.note(`admin: ${admin.url}`)
      logger?.info({ url: admin.url }, 'the admin server listens')
    }
    const where = admin === null ? {} : { admin: admin.url }
    output.object({ event: 'listening', addresses, peerId: node.peerId, ...where })
    if (bootstrap.length > 0) await joinNetwork(node, signal)
    admin?.joined()
    await toldToStop(signal)
    logger?.info({ signal: signal.reason as unknown }, 'told to stop')
    admin?.leaving()
  } finally {
    await node.close()
    await admin?.close()
  }
  output.object({ event: 'stopped', ...node.counters() })
  return signal.reason === 'SIGINT' ? EXIT.interrupted : EXIT.done
}

const joinNetwork = async (node: Node, signal: AbortSignal): Promise<void> => {
  try {
    await node.join({ signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

const toldToStop = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
