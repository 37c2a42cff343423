// A test network to watch that is none: its nodes, files and looks are what a test says.
import type { NetworkFile, NetworkNode, NetworkReading, WatchedNetwork } from '../../src/admin/network-reading.ts'

const HEX = 2 ** 32

export class NetworkScene implements WatchedNetwork {
  reading: NetworkReading
  /** Times that a reading was asked for. */
  readings = 0

  constructor(nodes: number) {
    this.reading = {
      asked: nodes,
      doing: 'Under load',
      formedMs: 4321,
      first: { bytes: 50_000_000, uploadMs: 9876, downloadMs: 3210 },
      nodes: Array.from({ length: nodes }, (_, index) => nodeAt(index, nodes)),
      files: [fileAt(1e12, { uploadMs: 420 }), fileAt(1e12 + 20_000, { uploadMs: 510, failed: 'CHUNK_NOT_FOUND' })],
      uploads: 2,
      failures: 1,
      departures: 3,
      sample: sampleAt(1e12),
    }
  }

  read(): NetworkReading {
    this.readings++
    return this.reading
  }

  /** A node becomes something else. */
  becomes(index: number, changes: Partial<NetworkNode>): void {
    const nodes = this.reading.nodes.map((node) => (node.index === index ? { ...node, ...changes } : node))
    this.reading = { ...this.reading, nodes }
  }
}

/** A node, at an even distance from the next. */
const nodeAt = (index: number, nodes: number): NetworkNode => ({
  index,
  peerId: Math.floor((index / nodes) * HEX)
    .toString(16)
    .padStart(8, '0')
    .padEnd(64, '5'),
  address: `/ip4/127.10.${index >> 8}.${index & 255}/udp/9/quic-v1/p2p/${'5'.repeat(64)}`,
  role: 'fair',
  state: 'here',
  forMs: 60_000 + index,
})

const fileAt = (
  at: number,
  { uploadMs, failed = null }: { uploadMs: number; failed?: string | null },
): NetworkFile => ({
  at,
  bytes: 5e6,
  uploadMs,
  downloadMs: failed === null ? 210 : null,
  isIdentical: failed === null,
  failed,
})

/** A look at a moment. */
export const sampleAt = (at: number): NonNullable<NetworkReading['sample']> => ({
  at,
  connections: 70,
  rssBytes: 3e8,
  verdicts: { slots: 1234, retries: 5, refused: 6, dropped: 7 },
  identityP50Ms: 3,
  identityP99Ms: 40,
  eventLoopP99Ms: 2,
})
