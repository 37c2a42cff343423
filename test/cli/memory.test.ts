// A long upload needs no more memory than a short one.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, test } from 'node:test'
import { BIN } from './run.ts'
import { startNetwork } from './small-network.ts'

const network = await startNetwork()
after(() => network.close())

const CHUNK = 4 * 1024 * 1024
/** Chunks of their own, which are sent; and the same one over and over, which is read, hashed and sealed, but sent once. */
const DISTINCT = 8
const CHUNKS = 75
const PEAK_BYTES = 256e6

const sparse = async function* (): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < CHUNKS; n++) {
    for (let at = 0; at < CHUNK; at += 65_536) yield new Uint8Array(65_536).fill(n < DISTINCT ? n : 0)
  }
}

test('an upload of 315 MB with a small heap stays under 256 MB', { skip: process.platform !== 'linux' }, async () => {
  const words = ['--max-old-space-size=48', BIN, 'put', '-', '--bootstrap', network.bootstrap, '--json']
  const child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  let peak = 0
  // The system's own high-water mark, which only grows: a look now and then misses nothing but the very end.
  const look = setInterval(() => {
    const [, kB] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
    peak = Math.max(peak, Number(kB ?? 0) * 1024)
  }, 50)
  const exited = new Promise((resolve) => child.once('exit', resolve)).finally(() => clearInterval(look))
  let stdout = ''
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()))
  await pipeline(Readable.from(sparse()), child.stdin)
  assert.equal(await exited, 0)
  const { bytes, chunks } = JSON.parse(stdout) as { bytes: number; chunks: number }
  assert.deepEqual([bytes, chunks], [CHUNKS * CHUNK, CHUNKS])
  assert.ok(peak > 0 && peak < PEAK_BYTES, `${(peak / 1e6).toFixed(0)} MB at the most`)
})
