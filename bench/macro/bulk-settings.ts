// What both processes of bulk.ts must agree on.
import type { Crypto, PacketKey, Suite } from '../../src/core/ports.ts'
import { TRANSPORT_DEFAULTS, type TransportSettings } from '../../src/core/quic/settings.ts'
import { systemPorts } from '../../src/index.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import type { SystemPorts } from '../../src/io/system.ts'

/** How a stream and the ceiling beside it are sent. */
export interface BulkSetting {
  readonly datagramBytes: number
  /** Whether libsodium may be used, where it is installed. */
  readonly sodium: boolean
}

/** The largest UDP payload that crosses an Ethernet link over IPv6 in one piece, and the largest that a node tries on loopback. */
export const INTERNET_BYTES = 1_452
export const LOOPBACK_BYTES = TRANSPORT_DEFAULTS.mtuMax.loopback

/** The ports of a process, with the cryptography of a setting. */
export const portsOf = async ({ sodium }: BulkSetting): Promise<SystemPorts> => ({
  ...(await systemPorts()),
  crypto: await createCrypto({ sodium }),
})

/** The suite a node would choose: libsodium's at internet size, AES-GCM for the large datagrams of loopback. */
export const suiteOf = ({ datagramBytes }: BulkSetting, { swiftest }: Pick<Crypto, 'swiftest'>): Suite =>
  datagramBytes > INTERNET_BYTES ? 0x1301 : swiftest

/** The transport settings of a node, but for the size of datagrams. */
export const settingsOf = ({ datagramBytes }: BulkSetting): TransportSettings => ({
  ...TRANSPORT_DEFAULTS,
  mtuMax: { ip4: datagramBytes, ip6: datagramBytes, loopback: datagramBytes },
})

export const ALPN = ['sallyport/1']

/** A short header with an 8-byte connection id and a 4-byte packet number. */
export const HEADER_BYTES = 13

/** The bare pipeline uses one number for all packets: what it costs is the same, and there is nothing to protect. */
export const PACKET_NUMBER = 1

/** The key of the bare pipeline, the same in both processes. */
export const barePipelineKey = (crypto: Crypto, suite: Suite): PacketKey => {
  const key = new Uint8Array(suite === 0x1301 ? 16 : 32).fill(7)
  return crypto.packetKey(suite, key, new Uint8Array(12).fill(7), key)
}
