// What work costs in virtual time, in milliseconds of one core: the one table, from measurements with Node 26.10 on two cores of an AMD EPYC.
// What holds is the order and the ratios; a host's `slowness` stretches them all.

/** Costs of one host's work. */
export interface Costs {
  /** Beginning any callback of the event loop. */
  readonly callback: number
  /** A datagram out of the system and through routing, frames, acknowledgement and streams, its packet protection aside. */
  readonly datagramReceived: number
  /** A datagram assembled and into the system, its packet protection aside. */
  readonly datagramSent: number
  /** Sealing or opening a packet: the call, and each byte. */
  readonly packet: number
  readonly packetByte: number
  readonly headerMask: number
  /** Making a packet key. */
  readonly packetKey: number
  readonly hmac: number
  readonly hash: number
  readonly hashByte: number
  /** A key pair of ML-KEM-768 and X25519, its answer, and the agreement. */
  readonly keyShare: number
  readonly encapsulate: number
  readonly agree: number
  /** In workers: an ML-DSA-65 signature and its verification. */
  readonly sign: number
  readonly verify: number
  /** In workers: each byte through BLAKE3, and through AES-256-GCM. */
  readonly blake3Byte: number
  readonly sealByte: number
  /** Handing work to a worker and taking its result. */
  readonly handOver: number
  /** On a disk: a call, a call that waits for the medium, and each byte. */
  readonly fileCall: number
  readonly fileSync: number
  readonly fileByte: number
}

/** The measured costs. */
export const COSTS: Costs = Object.freeze({
  callback: 0.003,
  /** The system's receive 5 µs; the rest is the receiver's share of a bulk transfer that is neither that nor opening. */
  datagramReceived: 0.012,
  /** The system's send 6 µs. */
  datagramSent: 0.011,
  /** AES-128-GCM through node:crypto: 1,400 bytes 8 to 11 µs, 16,000 bytes 19 µs. */
  packet: 0.0085,
  packetByte: 0.000_000_65,
  headerMask: 0.0015,
  packetKey: 0.004,
  /** 37 HMACs and the rest of a handshake's primitives take 0.59 to 0.83 ms together. */
  hmac: 0.004,
  hash: 0.0015,
  hashByte: 0.000_000_7,
  /** X25519 60 µs, ML-KEM-768 50 µs. */
  keyShare: 0.11,
  encapsulate: 0.16,
  agree: 0.1,
  sign: 1.4,
  verify: 0.28,
  /** 412 MB/s. */
  blake3Byte: 0.000_002_43,
  sealByte: 0.000_000_5,
  handOver: 0.015,
  fileCall: 0.06,
  /** A solid-state disk that really flushes. */
  fileSync: 3,
  /** 500 MB/s. */
  fileByte: 0.000_002,
})
