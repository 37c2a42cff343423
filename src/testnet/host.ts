// A process that hosts a share of a test network's nodes and does what its parent asks. Started by `Network`, never by hand; the one
// argument is the directory that everything of the network lies in, which is removed with the network.
import { rm } from 'node:fs/promises'
import { SallyportError, createNode } from '../index.ts'
import type { Node } from '../index.ts'
import type { Downloaded, HostRequest, HostTotals, Launched, Uploaded } from './requests.ts'
import { serve } from './serve.ts'
import { NO_TOTALS, addTotals, totalsOf } from './totals.ts'

/** Bounded by the nodes of the network. */
const nodes = new Map<number, Node>()
let clientTotals = NO_TOTALS

const answer = (request: HostRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'launch':
      return launch(request)
    case 'lookup':
      return nodeOf(request.index).lookup(request.target)
    case 'upload':
      return upload(request)
    case 'download':
      return download(request)
    case 'totals':
      return Promise.resolve(totals())
  }
}

type Asked<Kind extends HostRequest['kind']> = Extract<HostRequest, { kind: Kind }>

const launch = async ({ index, listen, directory, bootstrap }: Asked<'launch'>): Promise<Launched> => {
  const node = await createNode({ listen: [listen], bootstrap, dataDirectory: directory, capability: 'node' })
  nodes.set(index, node)
  if (bootstrap.length > 0) await node.join()
  const [address] = node.addresses
  if (address === undefined) throw new SallyportError('TESTNET_FAILED', 'a node has no address')
  return { peerId: node.peerId, address }
}

const upload = (request: Asked<'upload'>): Promise<Uploaded> =>
  asClient(request, async (client) => {
    const begun = performance.now()
    const { link, bytes, chunks, holders } = await client.put(request.file)
    return { link, bytes, chunks, holders, ms: performance.now() - begun }
  })

const download = (request: Asked<'download'>): Promise<Downloaded> =>
  asClient(request, async (client) => {
    const begun = performance.now()
    const { bytes } = await client.get(request.link, request.out)
    return { bytes, ms: performance.now() - begun }
  })

const asClient = async <T>(
  { listen, bootstrap }: { listen: string; bootstrap: readonly string[] },
  act: (client: Node) => Promise<T>,
): Promise<T> => {
  const client = await createNode({ listen: [listen], bootstrap, capability: 'client' })
  try {
    await client.join()
    return await act(client)
  } finally {
    await client.close()
    clientTotals = addTotals(clientTotals, totalsOf(client.counters()))
  }
}

const totals = (): HostTotals => ({
  totals: [...nodes.values()].map((node) => totalsOf(node.counters())).reduce(addTotals, clientTotals),
  rssBytes: process.memoryUsage.rss(),
})

const nodeOf = (index: number): Node => {
  const node = nodes.get(index)
  if (node === undefined) throw new SallyportError('TESTNET_FAILED', `node ${index} does not run here`)
  return node
}

/** Every host removes the whole directory, so that nothing is left on the disk even when the parent was killed. */
const close = async (root: string): Promise<void> => {
  await Promise.allSettled([...nodes.values()].map((node) => node.close()))
  await rm(root, { recursive: true, force: true })
}

const root = process.argv[2]
if (root === undefined) throw new SallyportError('ARGUMENT_INVALID', 'a host needs the directory of its network')
serve<HostRequest>(answer, () => close(root))
