// One stream of one connection, as fast as it goes, between two processes on loopback; and beside it, in the same run and in turns with it,
// the ceiling: a bare pipeline that seals, masks and sends in one process and masks and opens in the other, with no protocol in it. What
// counts is the share of the ceiling. `--megabytes 128 --datagram 1452` are the defaults; `--no-sodium` does without libsodium.
import { parseArgs } from 'node:util'
import { QuicConnection } from '../../src/core/quic/connection.ts'
import { generateIdentity } from '../../src/index.ts'
import type { Suite } from '../../src/core/ports.ts'
import type { Address, Ports } from '../../src/index.ts'
import { Child } from '../../src/testnet/child.ts'
import type { ReceiverRequest } from './bulk-receiver.ts'
import {
  ALPN,
  barePipelineKey,
  type BulkSetting,
  HEADER_BYTES,
  INTERNET_BYTES,
  PACKET_NUMBER,
  portsOf,
  settingsOf,
  suiteOf,
} from './bulk-settings.ts'
import { Driver } from './driver.ts'
import { machine, median } from './report.ts'

const ROUNDS = 3
const LOCAL = { family: 4, ip: '127.0.0.1', port: 0 } as const
/** What the bare pipeline keeps on its way: below what a receive buffer takes, which counts more than the bytes. */
const WINDOW_BYTES = { small: 140 * INTERNET_BYTES, large: 1024 * 1024 }
const BURST = 16
/** A lost credit would stop the bare pipeline; after so long it takes everything as arrived. */
const STALL_MS = 200

/** One measurement: how it is sent, and how many bytes of it. */
interface Run {
  readonly ports: Ports
  readonly remote: Address
  readonly setting: BulkSetting
  readonly total: number
}

const quic = async ({ ports, remote, setting, total }: Run): Promise<number> => {
  const identity = await generateIdentity()
  let driver: Driver | null = null
  const socket = await ports.udp.bind(LOCAL, {
    failed: () => {},
    datagram: (bytes, from) => driver?.receive(bytes, from),
  })
  const { crypto, random } = ports
  const config = {
    role: 'client',
    crypto,
    random,
    publicKey: identity.publicKey,
    alpn: ALPN,
    expectedPeer: null,
    remote,
    suites: [suiteOf(setting, crypto)],
    transport: settingsOf(setting),
  } as const
  const connection = QuicConnection.connect(config, ports.clock.now())
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const piece = new Uint8Array(64 * 1024).fill(1)
  let stream: ReturnType<QuicConnection['open']> = null
  let written = 0
  let begun = 0
  const write = (): void => {
    if (stream === null) return
    while (written < total) {
      const taken = connection.write(stream, piece.subarray(0, Math.min(piece.length, total - written)))
      if (taken === 0) return
      written += taken
    }
    connection.finish(stream)
  }
  driver = new Driver({
    connection,
    socket,
    ports,
    identity,
    datagramBytes: setting.datagramBytes,
    output: (output) => {
      if (output.kind === 'established') {
        stream = connection.open(false)
        begun = performance.now()
        write()
      } else if (output.kind === 'stream-writable') write()
      else if (output.kind === 'stream-acknowledged') resolve(performance.now() - begun)
      else if (output.kind === 'closed') reject(new Error(`the connection ended: ${JSON.stringify(output.reason)}`))
    },
  })
  driver.drive()
  const ms = await promise.finally(() => driver.stop())
  await socket.close()
  return total / ms / 1e3
}

const bare = async ({ ports, remote, setting, total }: Run): Promise<number> => {
  const key = barePipelineKey(ports.crypto, suiteOf(setting, ports.crypto))
  const mask = new Uint8Array(5)
  const { datagramBytes: bytes } = setting
  const window = bytes > INTERNET_BYTES ? WINDOW_BYTES.large : WINDOW_BYTES.small
  const buffers = Array.from({ length: Math.ceil((2 * window) / bytes) }, () => new Uint8Array(bytes))
  const { promise, resolve } = Promise.withResolvers<void>()
  let sent = 0
  let arrived = 0
  let progress = performance.now()
  const socket = await ports.udp.bind(LOCAL, {
    failed: () => {},
    datagram: (credit) => {
      arrived = Math.max(arrived, new DataView(credit.buffer, credit.byteOffset).getFloat64(0))
      progress = performance.now()
      pump()
    },
  })
  const pump = (): void => {
    for (let n = 0; n < BURST && sent < total && sent - arrived < window; n++) {
      const buffer = buffers.pop()
      if (buffer === undefined) break
      key.seal(buffer, 0, HEADER_BYTES, bytes - 16, PACKET_NUMBER)
      key.mask(buffer, HEADER_BYTES + 4, mask)
      socket.send(buffer, remote, () => buffers.push(buffer))
      sent += bytes
    }
    if (sent >= total) resolve()
    else if (sent - arrived < window) setImmediate(pump)
  }
  const stalled = setInterval(() => {
    if (performance.now() - progress < STALL_MS) return
    arrived = sent
    pump()
  }, STALL_MS)
  const begun = performance.now()
  pump()
  await promise
  const ms = performance.now() - begun
  clearInterval(stalled)
  await socket.close()
  return sent / ms / 1e3
}

/** Each measurement gets a receiver of its own, so that none inherits another's heap. */
const measure = async (kind: ReceiverRequest['kind'], run: Omit<Run, 'remote'>): Promise<number> => {
  const receiver = new Child(new URL('bulk-receiver.ts', import.meta.url))
  try {
    const port = await receiver.request<number>({ kind, setting: run.setting })
    const whole: Run = { ...run, remote: { family: 4, ip: '127.0.0.1', port } }
    return await Promise.race([kind === 'quic' ? quic(whole) : bare(whole), receiver.died])
  } finally {
    await receiver.end()
  }
}

/** MB/s of the ceiling and of a stream, in turns. */
export interface Bulk {
  readonly suite: Suite
  readonly ceiling: number
  readonly stream: number
}

/** Medians over some rounds. */
export const measureBulk = async (setting: BulkSetting, megabytes: number, rounds = ROUNDS): Promise<Bulk> => {
  await using ports = await portsOf(setting)
  const run = { ports, setting, total: megabytes * 1e6 }
  const ceiling: number[] = []
  const stream: number[] = []
  for (let n = 0; n < rounds; n++) {
    ceiling.push(await measure('bare', run))
    stream.push(await measure('quic', run))
  }
  return { suite: suiteOf(setting, ports.crypto), ceiling: median(ceiling), stream: median(stream) }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      megabytes: { type: 'string', default: '128' },
      datagram: { type: 'string', default: String(INTERNET_BYTES) },
      sodium: { type: 'boolean', default: true },
    },
    allowNegative: true,
  })
  const setting = { datagramBytes: Number(values.datagram), sodium: values.sodium }
  console.log(`${machine()}: ${values.megabytes} MB, datagrams of ${values.datagram} bytes, median of ${ROUNDS} rounds`)
  const { suite, ceiling, stream } = await measureBulk(setting, Number(values.megabytes))
  console.log(`bare pipeline: ${ceiling.toFixed(1)} MB/s, suite 0x${suite.toString(16)}`)
  console.log(`one stream: ${stream.toFixed(1)} MB/s`)
  console.log(`share of the ceiling: ${((100 * stream) / ceiling).toFixed(0)} %`)
}
