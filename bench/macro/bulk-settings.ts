// What both processes of bulk.ts must agree on.
import type { Crypto, PacketKey } from '../../src/core/ports.ts'
import { TRANSPORT_DEFAULTS } from '../../src/core/quic/settings.ts'

/** The largest UDP payload that crosses an Ethernet link over IPv6 in one piece. */
export const DATAGRAM_BYTES = 1_452

/** The transport settings of a node, but for the size of datagrams. */
export const SETTINGS = {
  ...TRANSPORT_DEFAULTS,
  mtuMax: { ip4: DATAGRAM_BYTES, ip6: DATAGRAM_BYTES, loopback: DATAGRAM_BYTES },
}

export const ALPN = ['sallyport/1']

/** A short header with an 8-byte connection id and a 4-byte packet number. */
export const HEADER_BYTES = 13

/** The bare pipeline uses one number for all packets: what it costs is the same, and there is nothing to protect. */
export const PACKET_NUMBER = 1

/** The key of the bare pipeline, the same in both processes. */
export const barePipelineKey = (crypto: Crypto): PacketKey =>
  crypto.packetKey(0x1301, new Uint8Array(16).fill(7), new Uint8Array(12).fill(7), new Uint8Array(16).fill(7))
