// The receiving process of bulk.ts: takes one stream of one connection, or the datagrams of the bare pipeline, and counts what came.
import { QuicConnection } from '../../src/core/quic/connection.ts'
import { parseHeader } from '../../src/core/quic/packet.ts'
import { generateIdentity } from '../../src/index.ts'
import type { Identity, Ports } from '../../src/index.ts'
import type { UdpSocket } from '../../src/io/ports.ts'
import { serve } from '../../src/testnet/serve.ts'
import {
  ALPN,
  barePipelineKey,
  type BulkSetting,
  HEADER_BYTES,
  PACKET_NUMBER,
  portsOf,
  settingsOf,
  suiteOf,
} from './bulk-settings.ts'
import { Driver } from './driver.ts'

/** What the sender asks of this process; both are answered with the port to send to. */
export interface ReceiverRequest {
  readonly kind: 'quic' | 'bare'
  readonly setting: BulkSetting
}

/** After so many datagrams the bare pipeline tells the sender how many bytes came. */
const CREDIT_EVERY = 8
const LOCAL = { family: 4, ip: '127.0.0.1', port: 0 } as const

const sockets: UdpSocket[] = []

const quic = async (ports: Ports, setting: BulkSetting, identity: Identity): Promise<number> => {
  let driver: Driver | null = null
  const socket = await ports.udp.bind(LOCAL, {
    failed: () => {},
    datagram: (bytes, from) => {
      driver ??= accept(bytes, from)
      driver?.receive(bytes, from)
    },
  })
  const accept = (bytes: Uint8Array, remote: typeof socket.local): Driver | null => {
    const header = parseHeader(bytes, 0, 8)
    if (header === null || header.form !== 'long') return null
    const { crypto, random } = ports
    const config = {
      role: 'server',
      crypto,
      random,
      publicKey: identity.publicKey,
      alpn: ALPN,
      expectedPeer: null,
      remote,
      suites: [suiteOf(setting, crypto)],
      transport: settingsOf(setting),
    } as const
    const connection = QuicConnection.accept(config, header, ports.clock.now())
    return new Driver({
      connection,
      socket,
      ports,
      identity,
      datagramBytes: setting.datagramBytes,
      output: (output) => {
        if (output.kind === 'stream-readable') while (connection.read(output.stream) !== null);
      },
    })
  }
  sockets.push(socket)
  return socket.local.port
}

const bare = async (ports: Ports, setting: BulkSetting): Promise<number> => {
  const key = barePipelineKey(ports.crypto, suiteOf(setting, ports.crypto))
  const mask = new Uint8Array(5)
  let bytesSeen = 0
  let datagrams = 0
  const socket = await ports.udp.bind(LOCAL, {
    failed: () => {},
    datagram: (bytes, from) => {
      key.mask(bytes, HEADER_BYTES + 4, mask)
      if (key.open(bytes, 0, HEADER_BYTES, bytes.length, PACKET_NUMBER) !== -1) bytesSeen += bytes.length
      if (++datagrams % CREDIT_EVERY !== 0) return
      const credit = Buffer.alloc(8)
      credit.writeDoubleBE(bytesSeen)
      socket.send(credit, from, () => {})
    },
  })
  sockets.push(socket)
  return socket.local.port
}

serve<ReceiverRequest>(
  async ({ kind, setting }) => {
    const ports = await portsOf(setting)
    return kind === 'quic' ? quic(ports, setting, await generateIdentity()) : bare(ports, setting)
  },
  async () => void (await Promise.all(sockets.map((socket) => socket.close()))),
)
