// A node that holds a file dies, and the file is still there: eight `start` processes, a `put`, a `get`, then the process that was asked
// first is killed without a warning, and the next `get` must succeed by asking another. Everything through the command line.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { BIN, resultOf, run } from '../cli/run.ts'

const NODES = 8
const FILE_BYTES = 6_000_000
const READY_MS = 30_000

interface Started {
  readonly child: ChildProcess
  readonly peerId: string
  readonly address: string
}

interface Got {
  readonly asked: readonly string[]
}

/** Starts a node and resolves once it has joined; the first has nobody to join. */
const start = async (data: string, bootstrap: readonly string[]): Promise<Started> => {
  const words = ['start', '--json', '--data', data, '--listen', '/ip4/127.0.0.1/udp/0/quic-v1']
  if (bootstrap.length > 0) words.push('--bootstrap', ...bootstrap)
  const child = spawn(process.execPath, [BIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const signal = AbortSignal.timeout(READY_MS)
  const [line] = (await once(createInterface(child.stdout), 'line', { signal })) as [string]
  if (bootstrap.length > 0) await once(createInterface(child.stderr), 'line', { signal })
  const { addresses, peerId } = JSON.parse(line) as { addresses: [string]; peerId: string }
  return { child, peerId, address: addresses[0] }
}

const sallyport = async <Result>(...words: string[]): Promise<Result> => {
  const finished = await run([...words, '--json'])
  if (finished.code !== 0) throw new Error(`${words[0]} failed: ${finished.stdout}${finished.stderr}`)
  return resultOf<Result>(finished)
}

/** Downloads by way of `nodes`, compares with `content`, and tells who was asked. */
const download = async (link: string, content: Uint8Array, nodes: readonly Started[], out: string): Promise<Got> => {
  const bootstrap = nodes.slice(0, 2).map(({ address }) => address)
  const got = await sallyport<Got>('get', link, '--out', out, '--bootstrap', ...bootstrap)
  if (!(await readFile(out)).equals(content)) throw new Error('the download differs from the upload')
  return got
}

const directory = await mkdtemp(join(tmpdir(), 'sallyport-try-'))
const children: ChildProcess[] = []
try {
  const nodes = [await start(join(directory, 'node-0'), [])]
  for (let n = 1; n < NODES; n++) nodes.push(await start(join(directory, `node-${n}`), [nodes[0]!.address]))
  console.log(`${NODES} nodes run`)

  const content = randomBytes(FILE_BYTES)
  const file = join(directory, 'file')
  await writeFile(file, content)
  const { link } = await sallyport<{ link: string }>('put', file, '--bootstrap', nodes[0]!.address)
  console.log(link)

  const before = await download(link, content, nodes, join(directory, 'copy-1'))
  const holder = nodes.find(({ peerId }) => peerId === before.asked[0])
  if (holder === undefined) throw new Error('the node that was asked first is none of ours')
  console.log(`asked first: ${holder.peerId}`)

  holder.child.kill('SIGKILL')
  await once(holder.child, 'exit')
  console.log(`killed process ${holder.child.pid}`)

  const alive = nodes.filter((node) => node !== holder)
  const after = await download(link, content, alive, join(directory, 'copy-2'))
  const another = after.asked.find((peerId) => peerId !== holder.peerId)
  if (another === undefined) throw new Error('nobody else was asked')
  console.log(`asked then:  ${another}`)
  console.log('both downloads are identical to the upload')
} finally {
  for (const child of children) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
}
