// One stream of one connection, as fast as it goes, between two processes on loopback with datagrams of 1,452 bytes; and beside it, in
// the same run and in turns with it, the ceiling: a bare pipeline that seals, masks and sends in one process and masks and opens in the
// other, with no protocol in it. What counts is the share of the ceiling. `--megabytes 128` is the default.
import { parseArgs } from 'node:util'
import { QuicConnection } from '../../src/core/quic/connection.ts'
import { generateIdentity, systemPorts } from '../../src/index.ts'
import type { Address, Ports } from '../../src/index.ts'
import { Child } from '../../src/testnet/child.ts'
import type { ReceiverRequest } from './bulk-receiver.ts'
import { ALPN, barePipelineKey, DATAGRAM_BYTES, HEADER_BYTES, PACKET_NUMBER, SETTINGS } from './bulk-settings.ts'
import { Driver } from './driver.ts'
import { machine, median } from './report.ts'

const ROUNDS = 3
const LOCAL = { family: 4, ip: '127.0.0.1', port: 0 } as const
/** What the bare pipeline keeps on its way: below what a receive buffer takes. */
const WINDOW_BYTES = 140 * DATAGRAM_BYTES
const BURST = 16
/** A lost credit would stop the bare pipeline; after so long it takes everything as arrived. */
const STALL_MS = 200

const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '128' } } })
const total = Number(values.megabytes) * 1e6

const quic = async (ports: Ports, remote: Address): Promise<number> => {
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
    transport: SETTINGS,
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

const bare = async (ports: Ports, remote: Address): Promise<number> => {
  const key = barePipelineKey(ports.crypto)
  const mask = new Uint8Array(5)
  const buffers = Array.from({ length: 2 * (WINDOW_BYTES / DATAGRAM_BYTES) }, () => new Uint8Array(DATAGRAM_BYTES))
  const { promise, resolve } = Promise.withResolvers<void>()
  let sent = 0
  let arrived = 0
  let progress = performance.now()
  const socket = await ports.udp.bind(LOCAL, {
    failed: () => {},
    datagram: (bytes) => {
      arrived = Math.max(arrived, new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0))
      progress = performance.now()
      pump()
    },
  })
  const pump = (): void => {
    for (let n = 0; n < BURST && sent < total && sent - arrived < WINDOW_BYTES; n++) {
      const buffer = buffers.pop()
      if (buffer === undefined) break
      key.seal(buffer, 0, HEADER_BYTES, DATAGRAM_BYTES - 16, PACKET_NUMBER)
      key.mask(buffer, HEADER_BYTES + 4, mask)
      socket.send(buffer, remote, () => buffers.push(buffer))
      sent += DATAGRAM_BYTES
    }
    if (sent >= total) resolve()
    else if (sent - arrived < WINDOW_BYTES) setImmediate(pump)
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
const measure = async (kind: ReceiverRequest['kind'], ports: Ports): Promise<number> => {
  const receiver = new Child(new URL('bulk-receiver.ts', import.meta.url))
  try {
    const port = await receiver.request<number>({ kind })
    const remote: Address = { family: 4, ip: '127.0.0.1', port }
    return await Promise.race([kind === 'quic' ? quic(ports, remote) : bare(ports, remote), receiver.died])
  } finally {
    await receiver.end()
  }
}

await using ports = await systemPorts()
console.log(`${machine()}: ${total / 1e6} MB, datagrams of ${DATAGRAM_BYTES} bytes, median of ${ROUNDS} rounds`)
const ceiling: number[] = []
const stream: number[] = []
for (let n = 0; n < ROUNDS; n++) {
  ceiling.push(await measure('bare', ports))
  stream.push(await measure('quic', ports))
  console.log(
    `  round ${n + 1}: bare pipeline ${ceiling.at(-1)?.toFixed(1)} MB/s, one stream ${stream.at(-1)?.toFixed(1)} MB/s`,
  )
}
console.log(`bare pipeline: ${median(ceiling).toFixed(1)} MB/s`)
console.log(`one stream: ${median(stream).toFixed(1)} MB/s`)
console.log(`share of the ceiling: ${((100 * median(stream)) / median(ceiling)).toFixed(0)} %`)
