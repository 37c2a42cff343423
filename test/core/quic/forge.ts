// A peer that breaks the rules: packets of any content, sealed with the true keys of one end of a pair.
import { Writer } from '../../../src/core/bytes.ts'
import type { Crypto, PacketKey } from '../../../src/core/ports.ts'
import { type Frame, writeFrame } from '../../../src/core/quic/frames.ts'
import { setLength, writeLongHeader, writeShortHeader } from '../../../src/core/quic/packet.ts'
import { sealPacket } from '../../../src/core/quic/protection.ts'
import type { SpaceName } from '../../../src/core/quic/recovery.ts'
import { crypto, type End, Pair, type PairOptions } from './pair.ts'

/** A crypto port that keeps a second copy of each packet key it makes, in the order in which a connection asks for them. */
export const tapped = (wrap: (key: PacketKey) => PacketKey): { crypto: Crypto; keys: PacketKey[] } => {
  const keys: PacketKey[] = []
  return {
    keys,
    crypto: {
      ...crypto,
      packetKey: (suite, key, iv, headerKey) => {
        keys.push(crypto.packetKey(suite, key, iv, headerKey))
        return wrap(crypto.packetKey(suite, key, iv, headerKey))
      },
    },
  }
}

export interface Forged {
  readonly space: SpaceName
  /** Frames, or the payload as it stands. */
  readonly frames: readonly Frame[] | Uint8Array
  readonly number?: number
  readonly sourceId?: Uint8Array
  readonly token?: Uint8Array
  readonly keyPhase?: 0 | 1
  /** The datagram is filled with zeros behind the frames up to this. */
  readonly padTo?: number
}

/** A pair whose ends can be impersonated. */
export class ForgedPair extends Pair {
  readonly #keys: { client: PacketKey[]; server: PacketKey[] }
  #number = 100_000

  /** `wrap` may watch the keys that the ends use. */
  constructor(options: PairOptions = {}, wrap: (key: PacketKey) => PacketKey = (key) => key) {
    const client = tapped(wrap)
    const server = tapped(wrap)
    super({
      ...options,
      client: { ...options.client, crypto: client.crypto },
      server: { ...options.server, crypto: server.crypto },
    })
    this.#keys = { client: client.keys, server: server.keys }
  }

  /** One datagram with one packet that `as` seems to have sent. */
  forge(as: End, forged: Forged): Uint8Array {
    const { space, frames } = forged
    const writer = new Writer(new Uint8Array(4096))
    const packetNumber = forged.number ?? this.#number++
    const fields = {
      destinationId: this.peerOf(as).connection?.localIds[0] ?? new Uint8Array(8),
      sourceId: forged.sourceId ?? as.live.localIds[0]!,
      token: forged.token ?? new Uint8Array(0),
      packetNumber,
      packetNumberBytes: 4,
    }
    let lengthAt = -1
    if (space === 'application') writeShortHeader(writer, { ...fields, keyPhase: forged.keyPhase ?? 0 })
    else lengthAt = writeLongHeader(writer, { ...fields, type: space })
    const packetNumberAt = writer.at - 4
    if (frames instanceof Uint8Array) writer.put(frames)
    else for (const frame of frames) writeFrame(writer, frame)
    const end = Math.max(writer.at, (forged.padTo ?? 0) - 16)
    if (lengthAt >= 0) setLength(writer.bytes, lengthAt, end + 16 - packetNumberAt)
    sealPacket(
      this.#writeKey(as, space),
      writer.bytes,
      { start: 0, packetNumberAt, packetNumberBytes: 4, end },
      packetNumber,
    )
    return writer.bytes.slice(0, end + 16)
  }

  /** Forges a datagram and has the other end receive it now. */
  inject(as: End, forged: Forged): void {
    this.receive(as, this.forge(as, forged))
    this.flush(this.peerOf(as))
  }

  /** The other end receives a datagram of `as` now, and is not asked what it has to say to it. */
  receive(as: End, datagram: Uint8Array): void {
    this.peerOf(as).live.receive(datagram, as.address, this.now)
  }

  /** Whether `as` has come far enough to have keys for `space`. */
  canForge(as: End, space: SpaceName): boolean {
    return this.#keyOf(as, space) !== undefined
  }

  #writeKey(as: End, space: SpaceName): PacketKey {
    const key = this.#keyOf(as, space)
    if (key === undefined) throw new Error(`no ${space} key yet`)
    return key
  }

  #keyOf(as: End, space: SpaceName): PacketKey | undefined {
    const isClient = as === this.client
    const keys = isClient ? this.#keys.client : this.#keys.server
    return keys[space === 'initial' ? (isClient ? 0 : 1) : space === 'handshake' ? 2 : 4]
  }
}
