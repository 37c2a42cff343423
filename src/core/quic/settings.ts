// What a connection grants and promises, with the defaults of `docs/protocol.md`: one literal, each value with its unit and reason.
import type { CongestionName } from './congestion.ts'
import type { DatagramSettings } from './datagrams.ts'
import { type GrowthBudget, growthBudget } from './flow-control.ts'
import type { MtuMax } from './path-mtu.ts'

/** Limits and times of one connection. Bytes and milliseconds. */
export interface TransportSettings {
  /** A connection that hears nothing for so long is over. */
  readonly idleTimeoutMs: number
  /** Bytes the peer may send on all streams before we read: at first, and at the most. */
  readonly dataBytes: { readonly initial: number; readonly max: number }
  /** The same for one stream once it is read; `opening` before that, by default a share of `dataBytes` that all streams fit into. */
  readonly streamBytes: { readonly opening?: number; readonly initial: number; readonly max: number }
  /** Streams the peer may have open at once. */
  readonly bidirectionalStreams: number
  readonly unidirectionalStreams: number
  /** Bidirectional streams we have open at once: the answers to our requests are granted credit too. */
  readonly requestStreams: number
  /** Connection ids of the peer that we keep. */
  readonly connectionIds: number
  /** What windows grow by is drawn from here; a node gives one to all its connections. */
  readonly growth: GrowthBudget
  /** Credit of the connection that only a prioritised stream may spend, ours and the peer's, so that control is never stuck behind bulk. */
  readonly reservedBytes: number
  /** Whether the peer may move to another address of its own will; one that a NAT moves may in any case. */
  readonly migration: boolean
  /** Packets that one key protects before the keys are changed (RFC 9001 section 6); never more than its cipher allows. */
  readonly keyPackets: number
  /** The largest datagrams that the path is tried with: no more than Ethernet carries in one piece, and more on loopback. */
  readonly mtuMax: MtuMax
  /** How fast sending grows, and how far losses take it back: CUBIC (RFC 9438) or NewReno (RFC 9002). */
  readonly congestion: CongestionName
  /** Whether DATAGRAM frames (RFC 9221) are taken and sent; null: neither. */
  readonly datagrams: DatagramSettings | null
}

/** The defaults; 256 MiB is the growth budget of a whole node. */
export const TRANSPORT_DEFAULTS: TransportSettings = Object.freeze({
  idleTimeoutMs: 30_000,
  dataBytes: { initial: 512 * 1024, max: 8 * 1024 * 1024 },
  streamBytes: { initial: 64 * 1024, max: 2 * 1024 * 1024 },
  bidirectionalStreams: 100,
  unidirectionalStreams: 100,
  requestStreams: 100,
  connectionIds: 4,
  growth: growthBudget(256 * 1024 * 1024),
  reservedBytes: 64 * 1024,
  migration: true,
  keyPackets: 2 ** 22,
  mtuMax: { ip4: 1472, ip6: 1452, loopback: 16_384 },
  congestion: 'cubic',
  datagrams: null,
})
