// A peer that breaks the rules: packets of any content, sealed with the true keys of one end of a pair.
import { Writer } from '../../../src/core/bytes.ts'
import type { Crypto, PacketKey } from '../../../src/core/ports.ts'
import { type Frame, writeFrame } from '../../../src/core/quic/frames.ts'
import { setLength, writeLongHeader, writeShortHeader } from '../../../src/core/quic/packet.ts'
import { sealPacket } from '../../../src/core/quic/protection.ts'
import type { SpaceName } from '../../../src/core/quic/recovery.ts'
import { crypto, type End, Pair, type PairOptions } from './pair.ts'

/** A crypto port that keeps a second copy of each packet key it makes, in the order in which a connection asks for them. */
export const tapped = (wrap: (key: PacketKey) => PacketKey): Tap => {
  const keys: PacketKey[] = []
  const live = new Set<PacketKey>()
  return {
    keys,
    live,
    crypto: {
      ...crypto,
      packetKey: (suite, key, iv, headerKey) => {
        keys.push(crypto.packetKey(suite, key, iv, headerKey))
        return watched(wrap(crypto.packetKey(suite, key, iv, headerKey)), live)
      },
    },
  }
}

/** What a tapped port leads to: copies of its keys, and those of its keys that were not released. */
export interface Tap {
  readonly crypto: Crypto
  readonly keys: PacketKey[]
  readonly live: Set<PacketKey>
}

const watched = (key: PacketKey, live: Set<PacketKey>): PacketKey => {
  const itself: PacketKey = {
    seal: (...all) => key.seal(...all),
    open: (...all) => key.open(...all),
    mask: (...all) => key.mask(...all),
    release: () => {
      live.delete(itself)
      key.release()
    },
  }
  live.add(itself)
  return itself
}

export interface Forged {
  readonly space: SpaceName
  /** Frames, or the payload as it stands. */
  readonly frames: readonly Frame[] | Uint8Array
  readonly number?: number
  readonly sourceId?: Uint8Array
  readonly token?: Uint8Array
  readonly keyPhase?: 0 | 1
  /** Bits of the first byte that are turned over. */
  readonly firstBits?: number
  /** The datagram is filled with zeros behind the frames up to this. */
  readonly padTo?: number
}

/** A pair whose ends can be impersonated. */
export class ForgedPair extends Pair {
  readonly #taps: { client: Tap; server: Tap }
  #number = 100_000
  #later: PacketKey | null = null

  /** `wrap` may watch the keys that the ends use. */
  constructor(options: PairOptions = {}, wrap: (key: PacketKey) => PacketKey = (key) => key) {
    const client = tapped(wrap)
    const server = tapped(wrap)
    super({
      ...options,
      client: { ...options.client, crypto: client.crypto },
      server: { ...options.server, crypto: server.crypto },
    })
    this.#taps = { client, server }
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
    writer.bytes[0]! ^= forged.firstBits ?? 0
    const packetNumberAt = writer.at - 4
    if (frames instanceof Uint8Array) writer.put(frames)
    else for (const frame of frames) writeFrame(writer, frame)
    const end = Math.max(writer.at, (forged.padTo ?? 0) - 16)
    if (lengthAt >= 0) setLength(writer.bytes, lengthAt, end + 16 - packetNumberAt)
    sealPacket(
      this.#later ?? this.#writeKey(as, space),
      writer.bytes,
      { start: 0, packetNumberAt, packetNumberBytes: 4, end },
      packetNumber,
    )
    return writer.bytes.slice(0, end + 16)
  }

  /** The same under the key after `generation` key updates: the other end has it as the next one to read under. */
  forgeLater(as: End, generation: number, forged: Forged): Uint8Array {
    const { keys } = as === this.client ? this.#taps.server : this.#taps.client
    // Behind the first two of 1-RTT stands the next to read; each update that is followed adds one to read and one to write.
    const later = generation === 1 ? keys[6] : keys[7 + 2 * (generation - 2)]
    this.#later = generation === 0 ? null : (later ?? null)
    if (generation > 0 && this.#later === null) throw new Error('no such key yet')
    const datagram = this.forge(as, { ...forged, keyPhase: (generation & 1) as 0 | 1 })
    this.#later = null
    return datagram
  }

  /** Packet keys of both ends that were made and not released. */
  liveKeys(): number {
    return this.#taps.client.live.size + this.#taps.server.live.size
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
    const { keys } = isClient ? this.#taps.client : this.#taps.server
    return keys[space === 'initial' ? (isClient ? 0 : 1) : space === 'handshake' ? 2 : 4]
  }
}
