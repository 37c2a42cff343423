// What packet protection costs beside the bare calls of node:crypto, interleaved in one run: microseconds for one packet of
// 1,424 bytes (header 20, tag 16), median of the rounds, ratio to the bare calls.
//   node bench/micro/packet-key.ts [-- --check]     with --check it exits 1 when a ratio is above its aim, and says which
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { createCrypto } from '../../src/io/crypto.ts'

const PACKET_BYTES = 1424
const HEADER_BYTES = 20
const TAG_BYTES = 16
const END = PACKET_BYTES - TAG_BYTES
const ROUNDS = 21
const CALLS = 4000

/** Our share on top of the bare calls: the nonce, the bounds and the copy back into the packet. */
const RATIO_AIM = 1.2

const KEY = new Uint8Array(16).fill(1)
const IV = new Uint8Array(12).fill(2)
const crypto = await createCrypto()
const packetKey = crypto.packetKey(0x1301, KEY, IV, KEY)
const packet = new Uint8Array(PACKET_BYTES)
const sealed = new Uint8Array(PACKET_BYTES)
packetKey.seal(sealed, 0, HEADER_BYTES, END, 7)
const forged = Uint8Array.from(sealed)
forged[100] = (forged[100] ?? 0) ^ 1
const work = new Uint8Array(PACKET_BYTES)
const mask = new Uint8Array(5)
const ecb = createCipheriv('aes-128-ecb', KEY, null).setAutoPadding(false)

const bareSeal = (): void => {
  const cipher = createCipheriv('aes-128-gcm', KEY, IV)
  cipher.setAAD(packet.subarray(0, HEADER_BYTES))
  cipher.update(packet.subarray(HEADER_BYTES, END))
  cipher.final()
  cipher.getAuthTag()
}

const bareOpen = (packetNumber: number): void => {
  const nonce = Uint8Array.from(IV)
  nonce[11] = (nonce[11] ?? 0) ^ packetNumber
  const decipher = createDecipheriv('aes-128-gcm', KEY, nonce)
  decipher.setAuthTag(work.subarray(END))
  decipher.setAAD(work.subarray(0, HEADER_BYTES))
  decipher.update(work.subarray(HEADER_BYTES, END))
  decipher.final()
}

let packetNumber = 0
const CASES: readonly { readonly name: string; readonly beside?: string; readonly run: () => void }[] = [
  { name: 'seal, bare', run: bareSeal },
  { name: 'seal', beside: 'seal, bare', run: () => packetKey.seal(packet, 0, HEADER_BYTES, END, packetNumber++) },
  {
    name: 'open, bare',
    run: () => {
      work.set(sealed)
      bareOpen(7)
    },
  },
  {
    name: 'open',
    beside: 'open, bare',
    run: () => {
      work.set(sealed)
      if (packetKey.open(work, 0, HEADER_BYTES, PACKET_BYTES, 7) !== END) throw new Error('did not open')
    },
  },
  {
    name: 'open, forged',
    run: () => {
      work.set(forged)
      if (packetKey.open(work, 0, HEADER_BYTES, PACKET_BYTES, 7) !== -1) throw new Error('opened')
    },
  },
  { name: 'mask, bare', run: () => void ecb.update(sealed.subarray(30, 46)) },
  { name: 'mask', beside: 'mask, bare', run: () => packetKey.mask(sealed, 30, mask) },
]

const timings = new Map(CASES.map(({ name }) => [name, [] as number[]]))
for (let round = -2; round < ROUNDS; round++) {
  for (const { name, run } of CASES) {
    const start = performance.now()
    for (let i = 0; i < CALLS; i++) run()
    // The first rounds only warm the code up.
    if (round >= 0) timings.get(name)?.push(((performance.now() - start) * 1000) / CALLS)
  }
}

const median = (name: string): number => {
  const sorted = (timings.get(name) ?? []).toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

const missed: string[] = []
for (const { name, beside } of CASES) {
  const ratio = beside === undefined ? null : median(name) / median(beside)
  console.log(
    `${name.padEnd(34)} ${median(name).toFixed(2).padStart(7)} µs${ratio === null ? '' : `   × ${ratio.toFixed(2)}`}`,
  )
  if (ratio !== null && ratio > RATIO_AIM) missed.push(`${name}: × ${ratio.toFixed(2)}, aim × ${RATIO_AIM}`)
}
if (process.argv.includes('--check') && missed.length > 0) {
  console.error(`missed aims:\n${missed.join('\n')}`)
  process.exitCode = 1
}
