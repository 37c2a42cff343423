// A peer whose packets are genuine and whose frames are not: it seals what a fuzzer made of them. And a line on which datagrams are
// bent, cut, repeated and sent again from elsewhere.
import type { Address } from '../../src/core/address.ts'
import { Writer } from '../../src/core/bytes.ts'
import type { Crypto, PacketKey } from '../../src/core/ports.ts'
import { type Frame, writeFrame } from '../../src/core/quic/frames.ts'
import type { Udp, UdpEvents } from '../../src/io/ports.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

/** Numbers at which something changes. */
const EDGES = [
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  20,
  63,
  64,
  255,
  16_383,
  65_536,
  2 ** 30,
  2 ** 60 - 1,
  2 ** 60,
  Number.MAX_SAFE_INTEGER,
]

/** Some frame, of any type and mostly absurd. */
const anyFrame = (random: SeededRandom): Frame => {
  const edge = (): number => EDGES[random.below(EDGES.length)] ?? 0
  const some = (max: number): Uint8Array => {
    const bytes = new Uint8Array(random.below(max + 1))
    random.fill(bytes)
    return bytes
  }
  const eight = (): Uint8Array => {
    const bytes = new Uint8Array(8)
    random.fill(bytes)
    return bytes
  }
  const stream = random.below(2) === 0 ? random.below(16) : edge()
  const sequence = random.below(8)
  const bidirectional = random.below(2) === 0
  const from = random.below(12)
  const makers: (() => Frame)[] = [
    () => ({ type: 'ping' }),
    () => ({ type: 'ack', ranges: [{ from, to: from + random.below(8) }], delay: edge(), ecn: null }),
    () => ({ type: 'reset-stream', stream, code: edge(), finalSize: random.below(2) === 0 ? 0 : edge() }),
    () => ({ type: 'stop-sending', stream, code: edge() }),
    () => ({ type: 'crypto', offset: random.below(3) === 0 ? edge() : random.below(4000), data: some(60) }),
    () => ({ type: 'new-token', token: some(60) }),
    () => ({
      type: 'stream',
      stream,
      offset: random.below(3) === 0 ? edge() : random.below(64),
      data: some(60),
      fin: bidirectional,
    }),
    () => ({ type: 'max-data', limit: edge() }),
    () => ({ type: 'max-stream-data', stream, limit: edge() }),
    () => ({ type: 'max-streams', bidirectional, limit: edge() }),
    () => ({ type: 'data-blocked', limit: edge() }),
    () => ({ type: 'stream-data-blocked', stream, limit: edge() }),
    () => ({ type: 'streams-blocked', bidirectional, limit: edge() }),
    () => ({
      type: 'new-connection-id',
      sequence,
      retirePriorTo: random.below(sequence + 1),
      id: eight(),
      resetToken: new Uint8Array([...eight(), ...eight()]),
    }),
    () => ({ type: 'retire-connection-id', sequence }),
    () => ({ type: 'path-challenge', data: eight() }),
    () => ({ type: 'path-response', data: eight() }),
    () => ({ type: 'connection-close', code: edge(), frameType: bidirectional ? 0 : null, reason: some(40) }),
    () => ({ type: 'handshake-done' }),
  ]
  return makers[random.below(makers.length)]!()
}

/** Changes the plaintext of a packet in place. */
const bend = (random: SeededRandom, plaintext: Uint8Array): void => {
  switch (random.below(4)) {
    case 0: {
      for (let n = 1 + random.below(4); n > 0; n--) plaintext[random.below(plaintext.length)] = random.below(256)
      return
    }
    case 1: {
      const at = random.below(plaintext.length)
      plaintext[at] = (plaintext[at] ?? 0) ^ (1 << random.below(8))
      return
    }
    case 2:
      return void plaintext.fill(0, random.below(plaintext.length))
    default: {
      const writer = new Writer()
      for (let n = 1 + random.below(3); n > 0; n--) writeFrame(writer, anyFrame(random))
      const frames = writer.written()
      if (frames.length > plaintext.length) return
      plaintext.fill(0)
      plaintext.set(frames)
    }
  }
}

/** The cryptography of a peer that bends packets before it seals them, each as probably as `often` says then. */
export const bendingCrypto = (crypto: Crypto, random: SeededRandom, often: () => number): Crypto => ({
  ...crypto,
  packetKey: (...parts) => {
    const key = crypto.packetKey(...parts)
    const bent: PacketKey = {
      seal: (buffer, header, start, end, packetNumber) => {
        if (random.fraction() < often()) bend(random, buffer.subarray(start, end))
        key.seal(buffer, header, start, end, packetNumber)
      },
      open: key.open.bind(key),
      mask: key.mask.bind(key),
      release: key.release.bind(key),
    }
    return bent
  },
})

/** A UDP port on which a test can have datagrams arrive from anywhere. */
export const openLine = (udp: Udp): { readonly udp: Udp; arrive(bytes: Uint8Array, from: Address): void } => {
  let events: UdpEvents | null = null
  return {
    udp: {
      bind: (local, on) => {
        events = on
        return udp.bind(local, on)
      },
    },
    arrive: (bytes, from) => events?.datagram(Uint8Array.from(bytes), from),
  }
}

/** A copy of a datagram with something wrong. */
export const spoilt = (random: SeededRandom, datagram: Uint8Array): Uint8Array => {
  const bytes = Uint8Array.from(datagram)
  switch (random.below(5)) {
    case 0:
      return bytes
    case 1:
      return bytes.subarray(0, random.below(bytes.length + 1))
    case 2: {
      const longer = new Uint8Array(bytes.length + random.below(1200))
      random.fill(longer)
      longer.set(bytes)
      return longer
    }
    default: {
      const reach = random.below(2) === 0 ? Math.min(64, bytes.length) : bytes.length
      for (let n = 1 + random.below(4); n > 0; n--) bytes[random.below(reach)] = random.below(256)
      return bytes
    }
  }
}
