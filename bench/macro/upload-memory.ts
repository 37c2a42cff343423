// How much memory an upload takes: the command line uploads a stream of any length, each chunk of its own, to nodes in this process, and the
// system's own high-water mark of its resident memory is read while it runs (Linux).
//   node bench/macro/upload-memory.ts [megabytes] [nodes]
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createNode } from '../../src/index.ts'
import type { Node } from '../../src/index.ts'

const BIN = join(import.meta.dirname, '../../bin/sallyport.js')
const MEGABYTE = 1e6
/** Below this an upload is to stay, however long it is. */
const AIM_BYTES = 256e6

const [megabytes = 4000, count = 1] = process.argv.slice(2).map(Number)
const directory = mkdtempSync(join(tmpdir(), 'sallyport-upload-memory-'))
const nodes: Node[] = []
for (let i = 0; i < count; i++) {
  const bootstrap = nodes.slice(0, 1).flatMap((node) => [...node.addresses])
  const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
  const node = await createNode({ listen, bootstrap, dataDirectory: join(directory, String(i)) })
  nodes.push(node)
  await node.join()
}

const generated = function* (): Generator<Uint8Array> {
  for (let n = 0; n < megabytes; n++) {
    const bytes = new Uint8Array(MEGABYTE)
    new DataView(bytes.buffer).setUint32(0, n)
    yield bytes
  }
}

const begun = performance.now()
const words = ['put', '-', '--allow-fewer', '--json', '--bootstrap', nodes[0]?.addresses[0] ?? '']
const child = spawn(process.execPath, [BIN, ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
let peak = 0
const look = setInterval(() => {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  peak = Math.max(peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024)
}, 100)
child.stdout.on('data', () => {})
const exited = new Promise<number | null>((resolve) => child.once('exit', resolve)).finally(() => clearInterval(look))
await pipeline(Readable.from(generated()), child.stdin)
const code = await exited
await Promise.all(nodes.map((node) => node.close()))
rmSync(directory, { recursive: true, force: true })
const seconds = (performance.now() - begun) / 1e3
process.stdout.write(
  `${megabytes} MB to ${count} node(s) in ${seconds.toFixed(0)} s: ${(peak / MEGABYTE).toFixed(0)} MB resident at the most\n`,
)
process.exit(code === 0 && peak < AIM_BYTES ? 0 : 1)
