// The keys of 1-RTT packets change while a connection lives (RFC 9001 section 6). Each end writes under one generation and reads under
// one; the lowest bit of the generation is the key phase that a packet shows. The keys in use stand in the packet number space; here are
// those before and after them, and the rules.
//
//   n ──update──► writes n+1, reads n ──a packet under n+1 opens──► n+1
//   └──a packet under n+1 opens, and the next one written is under n+1──► n+1
//
// The keys to read under next are there before a packet needs them, and a packet of a phase without keys is tried with them all the
// same, so that how long it takes to reject one says nothing about its phase (section 6.3).
import { assert } from '../assert.ts'
import type { Crypto, PacketKey, Suite } from '../ports.ts'
import { AEAD_LIMITS, type AeadLimits, laterPacketKey, nextSecret, packetKeyOf } from './keys.ts'
import type { PacketSpace } from './space.ts'
import { AEAD_LIMIT_REACHED, KEY_UPDATE_ERROR, type Violation, violation } from './transport-error.ts'

/** Of what a key may protect, so much is left for the packets of CONNECTION_CLOSE. */
const CLOSING_PACKETS = 64

/** A traffic secret as TLS gives it. */
export interface TrafficSecret {
  readonly direction: 'read' | 'write'
  readonly suite: Suite
  readonly secret: Uint8Array
}

/** One direction's way from one generation to the next. */
interface Chain {
  readonly suite: Suite
  /** The newest; header protection goes on with each that follows (section 6). */
  key: PacketKey
  secret: Uint8Array
}

/** When something happened, and how long three probe timeouts are just then. Milliseconds. */
export interface PhaseTime {
  readonly now: number
  readonly threePtoMs: number
}

export class KeyPhases {
  readonly #crypto: Crypto
  readonly #space: PacketSpace
  readonly #packetsMax: number
  #reading: Chain | null = null
  #writing: Chain | null = null
  #previous: { readonly key: PacketKey; readonly dropAt: number } | null = null
  #next: PacketKey | null = null
  #readGeneration = 0
  #writeGeneration = 0
  /** Packet numbers opened: the lowest of this generation, the highest of earlier ones, the highest of all. */
  #lowestRead = 0
  #highestBefore = -1
  #highestRead = -1
  /** The first packet number written under the current key, and how many were. */
  #firstWritten = 0
  #written = 0
  /** When the peer showed that it reads the current key; null before. */
  #provenAt: number | null = null
  /** Whether an ACK was written since the generation was read for the first time. */
  #hasAnswered = true
  #rejected = 0
  #wanted = false

  /** `packetsMax` is how many packets a key protects before it is changed, whatever its suite would allow. */
  constructor(space: PacketSpace, crypto: Crypto, packetsMax: number) {
    assert(packetsMax > 0, 'a key protects something')
    this.#space = space
    this.#crypto = crypto
    this.#packetsMax = packetsMax
  }

  /** The first key of a direction is there. */
  install({ direction, suite, secret }: TrafficSecret): void {
    const chain = { suite, key: packetKeyOf(this.#crypto, suite, secret), secret: secret.slice() }
    this.#space.setKey(direction, chain.key)
    if (direction === 'write') this.#writing = chain
    else {
      this.#reading = chain
      this.#next = this.#following(chain)
    }
  }

  /** The phase that packets written now show. */
  get phase(): 0 | 1 {
    return (this.#writeGeneration & 1) as 0 | 1
  }

  /** How often the keys that are written under were changed. */
  get updates(): number {
    return this.#writeGeneration
  }

  // ── reading ──

  /** The key to try for a packet that shows `phase`. */
  keyFor(phase: number, packetNumber: number): PacketKey | null {
    if (phase === (this.#readGeneration & 1)) return this.#space.readKey
    if (packetNumber < this.#lowestRead && this.#previous !== null) return this.#previous.key
    return this.#next
  }

  /** A packet opened under a key that `keyFor` gave. */
  opened(key: PacketKey, packetNumber: number, time: PhaseTime): Violation | null {
    if (key === this.#next) {
      const breach = this.#follow(packetNumber, time)
      if (breach !== null) return breach
    } else if (key === this.#previous?.key) {
      this.#highestBefore = Math.max(this.#highestBefore, packetNumber)
    } else {
      if (packetNumber < this.#highestBefore) return violation(KEY_UPDATE_ERROR, 'an older key behind a newer one')
      this.#lowestRead = Math.min(this.#lowestRead, packetNumber)
    }
    this.#highestRead = Math.max(this.#highestRead, packetNumber)
    return null
  }

  /** A packet did not open. So many tries are nobody's but a forger's (section 6.6). */
  rejected(): Violation | null {
    const limit = limitsOf(this.#reading).rejectedMax
    return ++this.#rejected >= limit ? violation(AEAD_LIMIT_REACHED, 'too many packets that are not genuine') : null
  }

  /** An ACK up to `largest` came in a packet that opened under `key`: whoever has read a newer key writes under it. */
  acknowledged(key: PacketKey, largest: number, now: number): Violation | null {
    if (this.#written === 0 || largest < this.#firstWritten) return null
    const generation = key === this.#previous?.key ? this.#readGeneration - 1 : this.#readGeneration
    if (generation < this.#writeGeneration)
      return violation(KEY_UPDATE_ERROR, 'a newer key acknowledged under an older')
    this.#provenAt ??= now
    return null
  }

  // ── writing ──

  /** The keys are to be changed as soon as that is allowed. */
  want(): void {
    this.#wanted = true
  }

  /** Changes the keys if that is wanted or due, and allowed by now; the handshake must be confirmed (section 6.1). */
  updateIfDue({ now, threePtoMs }: PhaseTime): void {
    if (!this.#wanted && this.#written < this.#updateAt) return
    if (this.#provenAt === null || this.#readGeneration !== this.#writeGeneration) return
    // The peer must have dropped the keys before those in use (section 6.5).
    if (this.#writeGeneration > 0 && now < this.#provenAt + threePtoMs) return
    this.#write()
    this.#wanted = false
  }

  /** A packet was written. */
  sealed(packetNumber: number, saysAck: boolean): void {
    if (this.#written++ === 0) this.#firstWritten = packetNumber
    if (saysAck) this.#hasAnswered = true
  }

  /** Nothing but a close can be written under this key any more, and the peer lets us change to no other. */
  get isWornOut(): boolean {
    return this.#written >= limitsOf(this.#writing).protectedMax - CLOSING_PACKETS
  }

  // ── time ──

  /** When the previous key is dropped; Infinity: there is none. */
  get dropAt(): number {
    return this.#previous?.dropAt ?? Infinity
  }

  timeout(now: number): void {
    if (now >= this.dropAt) this.#drop()
  }

  /** All keys but those in use, which are the space's, and all secrets are forgotten. */
  release(): void {
    this.#drop()
    this.#next?.release()
    this.#next = null
    this.#reading?.secret.fill(0)
    this.#writing?.secret.fill(0)
    this.#reading = this.#writing = null
  }

  get #updateAt(): number {
    return Math.min(this.#packetsMax, limitsOf(this.#writing).protectedMax / 2)
  }

  /** The peer has changed its keys: what was next is current, and the next one we write is under the same generation. */
  #follow(packetNumber: number, { now, threePtoMs }: PhaseTime): Violation | null {
    if (packetNumber < this.#highestRead) return violation(KEY_UPDATE_ERROR, 'a newer key before an older one')
    const isTheirs = this.#readGeneration === this.#writeGeneration
    if (isTheirs && !this.#hasAnswered) return violation(KEY_UPDATE_ERROR, 'keys changed twice without an answer')
    assert(this.#next !== null && this.#reading !== null, 'a key that opened a packet was there')
    const before = this.#space.change('read', this.#next)
    this.#drop()
    if (before !== null) this.#previous = { key: before, dropAt: now + threePtoMs }
    this.#next = this.#following(this.#reading)
    this.#readGeneration++
    this.#highestBefore = this.#highestRead
    this.#lowestRead = packetNumber
    this.#hasAnswered = false
    if (isTheirs) this.#write()
    return null
  }

  #write(): void {
    assert(this.#writing !== null, 'who changes keys has some')
    this.#space.setKey('write', this.#following(this.#writing))
    this.#writeGeneration++
    this.#written = 0
    this.#provenAt = null
  }

  /** Goes on to a chain's next generation. */
  #following(chain: Chain): PacketKey {
    const before = chain.secret
    chain.secret = nextSecret(this.#crypto, chain.suite, before)
    before.fill(0)
    chain.key = laterPacketKey(this.#crypto, chain.suite, chain.secret, chain.key)
    return chain.key
  }

  #drop(): void {
    this.#previous?.key.release()
    this.#previous = null
  }
}

/** Before a suite is agreed there is no key either. */
const limitsOf = (chain: Chain | null): AeadLimits => AEAD_LIMITS[chain?.suite ?? 0x1301]
