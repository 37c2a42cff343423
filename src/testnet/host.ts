// A process that hosts a share of a test network's nodes and does what its parent asks. Started by `Network`, never by hand; its
// arguments are the directory that everything of the network lies in, and where there is one its manifest: removed with the network.
import { rm } from 'node:fs/promises'
import { SallyportError, createNode, systemPorts } from '../index.ts'
import type { Node } from '../index.ts'
import { Line } from './line.ts'
import { removeManifest } from './manifest.ts'
import type { Downloaded, HostRequest, HostTotals, Launched, Uploaded } from './requests.ts'
import { NO_SAMPLE, addHostSamples, hostSampleOf } from './sampling.ts'
import type { HostSample } from './sampling.ts'
import { serve } from './serve.ts'
import { NO_TOTALS, addTotals, totalsOf } from './totals.ts'

interface Hosted {
  readonly node: Node
  readonly line: Line
  /** The node's own, to be closed after it. */
  readonly ports: Awaited<ReturnType<typeof systemPorts>>
}

/** Bounded by the nodes of the network. */
const hosted = new Map<number, Hosted>()
/** Of clients and nodes that are gone. */
let pastTotals = NO_TOTALS
let pastSample = NO_SAMPLE

const answer = (request: HostRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'launch':
      return launch(request)
    case 'leave':
      return leave(request)
    case 'silence':
      return Promise.resolve(hostedAt(request.index).line.cut())
    case 'lookup':
      return nodeOf(request.index).lookup(request.target)
    case 'upload':
      return upload(request)
    case 'download':
      return download(request)
    case 'sample':
      return Promise.resolve(sample())
    case 'totals':
      return Promise.resolve(totals())
  }
}

type Asked<Kind extends HostRequest['kind']> = Extract<HostRequest, { kind: Kind }>

const launch = async (request: Asked<'launch'>): Promise<Launched> => {
  const { index, listen, directory, bootstrap, slow, asOutside } = request
  if (hosted.has(index)) throw new SallyportError('TESTNET_FAILED', `node ${index} runs already`)
  const line = new Line({ slow })
  const ports = await systemPorts()
  const node = await createNode({
    listen: [listen],
    bootstrap,
    dataDirectory: directory,
    capability: 'node',
    gate: { loopback: asOutside ? 'as-outside' : 'trusted' },
    ports: line.ports(ports),
  })
  hosted.set(index, { node, line, ports })
  try {
    if (bootstrap.length > 0) await node.join()
  } catch (error) {
    await leave({ kind: 'leave', index, politely: true })
    throw error
  }
  const [address] = node.addresses
  if (address === undefined) throw new SallyportError('TESTNET_FAILED', 'a node has no address')
  return { peerId: node.peerId, address }
}

const leave = async ({ index, politely }: Asked<'leave'>): Promise<void> => {
  const { node, line } = hostedAt(index)
  if (!politely) line.cut()
  await end(hostedAt(index))
  hosted.delete(index)
  remember(node)
}

const end = async ({ node, ports }: Hosted): Promise<void> => {
  try {
    await node.close()
  } finally {
    await ports.close()
  }
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
    remember(client)
  }
}

/** What a closed node has counted and timed stays in the sums. */
const remember = (node: Node): void => {
  pastTotals = addTotals(pastTotals, totalsOf(node.counters()))
  pastSample = addHostSamples(pastSample, { ...hostSampleOf(node.metrics()), connections: 0 })
}

const totals = (): HostTotals => {
  const { user, system } = process.cpuUsage()
  return {
    totals: [...hosted.values()].map(({ node }) => totalsOf(node.counters())).reduce(addTotals, pastTotals),
    rssBytes: process.memoryUsage.rss(),
    cpuMicros: user + system,
  }
}

const sample = (): HostSample => ({
  ...[...hosted.values()].map(({ node }) => hostSampleOf(node.metrics())).reduce(addHostSamples, pastSample),
  rssBytes: process.memoryUsage.rss(),
})

const nodeOf = (index: number): Node => hostedAt(index).node

const hostedAt = (index: number): Hosted => {
  const found = hosted.get(index)
  if (found === undefined) throw new SallyportError('TESTNET_FAILED', `node ${index} does not run here`)
  return found
}

/** Every host removes everything, so that nothing is left on the disk even when the parent was killed. */
const close = async (): Promise<void> => {
  await Promise.allSettled([...hosted.values()].map((each) => end(each)))
  await rm(root, { recursive: true, force: true })
  if (manifest !== undefined) await removeManifest(manifest, parent)
}

const [root = '', manifest] = process.argv.slice(2)
if (root === '') throw new SallyportError('ARGUMENT_INVALID', 'a host needs the directory of its network')
/** The process that writes the manifest; once it is gone, the system names another. */
const parent = process.ppid
serve<HostRequest>(answer, close)
