// Turns the CRYPTO bytes of one encryption level into whole handshake messages (RFC 8446 section 4), however they were split or
// joined. Views it gave out stay valid: bytes are only ever appended, and a full buffer is replaced, not rewritten.
import { NO_BYTES } from '../bytes.ts'
import { ALERT, type Refusal, refuse } from './alerts.ts'

/** One handshake message as it came; `bytes` is the whole of it for the transcript, `body` what follows the 4-byte header. */
export interface HandshakeMessage {
  readonly kind: 'message'
  readonly type: number
  readonly body: Uint8Array
  readonly bytes: Uint8Array
}

const HEADER_BYTES = 4
const FIRST_CAPACITY = 2048

/** Bounded by what its owner lets in: it holds one unfinished message and the messages that were not taken yet. */
export class HandshakeBuffer {
  readonly #messageMax: number
  #bytes: Uint8Array = NO_BYTES
  #start = 0
  #end = 0

  /** `messageMax` is the largest body of a message, in bytes. */
  constructor(messageMax: number) {
    this.#messageMax = messageMax
  }

  /** No byte is held: the level may change (RFC 8446 section 5.1). */
  get empty(): boolean {
    return this.#start === this.#end
  }

  /** Appends a copy of `bytes`. */
  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) this.#replace(bytes.length)
    this.#bytes.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** The next whole message, null while it is not all there, or a refusal of one that is too long. */
  take(): HandshakeMessage | Refusal | null {
    const held = this.#bytes.subarray(this.#start, this.#end)
    if (held.length < HEADER_BYTES) return null
    const length = held[1]! * 65_536 + held[2]! * 256 + held[3]!
    if (length > this.#messageMax) return refuse(ALERT.illegalParameter, `a handshake message of ${length} bytes`)
    const size = HEADER_BYTES + length
    if (held.length < size) return null
    this.#start += size
    const bytes = held.subarray(0, size)
    return { kind: 'message', type: held[0]!, body: bytes.subarray(HEADER_BYTES), bytes }
  }

  /** Moves what is held into a new buffer with room for `more` bytes and as much again. */
  #replace(more: number): void {
    const held = this.#bytes.subarray(this.#start, this.#end)
    this.#bytes = new Uint8Array(Math.max(FIRST_CAPACITY, 2 * (held.length + more)))
    this.#bytes.set(held)
    this.#start = 0
    this.#end = held.length
  }
}
