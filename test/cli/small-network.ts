// Six real nodes in the test's own process, which the command line, in processes of its own, uploads to and downloads from.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createNode } from '../../src/index.ts'
import type { Node } from '../../src/index.ts'
import { BIN } from './run.ts'

const LISTEN = '/ip4/127.0.0.1/udp/0/quic-v1'
const NODES = 6

/** The network, and a directory for whoever uses it. */
export interface SmallNetwork {
  readonly directory: string
  readonly bootstrap: string
  readonly nodes: readonly Node[]
  close(): Promise<void>
}

/** Starts the nodes and joins them. */
export const startNetwork = async (): Promise<SmallNetwork> => {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-cli-network-'))
  const nodes: Node[] = []
  for (let i = 0; i < NODES; i++) {
    const bootstrap = nodes.slice(0, 1).flatMap((node) => [...node.addresses])
    const node = await createNode({ listen: [LISTEN], bootstrap, dataDirectory: join(directory, `node-${i}`) })
    nodes.push(node)
    await node.join()
  }
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.close()))
    rmSync(directory, { recursive: true, force: true })
  }
  return { directory, bootstrap: nodes[0]?.addresses[0] ?? '', nodes, close }
}

/** What a process said that was fed with bytes. */
export interface Piped {
  readonly code: number | null
  readonly stdout: Uint8Array
  readonly stderr: string
}

/** Runs the words with `input` on stdin; stdout is bytes. `environment` is added to ours. */
export const pipe = async (
  words: readonly string[],
  input: Uint8Array,
  environment: NodeJS.ProcessEnv = {},
): Promise<Piped> => {
  const child = spawn(process.execPath, [BIN, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), buffer(child.stderr)])
  return { code: await exited, stdout: Uint8Array.from(stdout), stderr: stderr.toString() }
}
