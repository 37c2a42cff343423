// One message in assembly: a header, then payload to the end of its stream. What is kept is bounded before it is kept.
import type { CborMap } from '../messages/cbor.ts'
import { HEADER_BYTES_MAX } from '../messages/codes.ts'
import { HeaderReader } from '../messages/framing.ts'

/** What the bytes received so far amount to; `too-large` and `bad` are for good. */
export type AssemblyState = 'heading' | 'payload' | 'too-large' | 'bad'

/** Takes a stream's bytes in order and copies them, for a stranger may send them one by one. Bounded by twice what came, and so by what is charged. */
export class Assembly<Header> {
  readonly #reader: HeaderReader<Header>
  readonly #bytesMax: number
  #payload = NOTHING
  #payloadBytes = 0
  #bytes = 0
  #header: Header | null = null
  #state: AssemblyState = 'heading'

  /** `decode` makes the header of a decoded map; `bytesMax` bounds header and payload together. */
  constructor(decode: (map: CborMap) => Header | null, bytesMax: number) {
    this.#reader = new HeaderReader(decode)
    this.#bytesMax = bytesMax
  }

  /** The header, once it is complete. */
  get header(): Header | null {
    return this.#header
  }

  /** Bytes received, of header and payload. */
  get bytes(): number {
    return this.#bytes
  }

  receive(bytes: Uint8Array): AssemblyState {
    this.#bytes += bytes.length
    if (this.#bytes > this.#bytesMax) this.#state = 'too-large'
    if (this.#state === 'heading') this.#head(bytes)
    else if (this.#state === 'payload') this.#keep(bytes)
    if (this.#state === 'too-large' || this.#state === 'bad') this.#payload = NOTHING
    return this.#state
  }

  /** The payload, when the stream has ended; null when it ended before its header did. */
  finish(): Uint8Array | null {
    return this.#state === 'payload' ? this.#payload.subarray(0, this.#payloadBytes) : null
  }

  #head(bytes: Uint8Array): void {
    const heading = this.#reader.receive(bytes)
    if (heading.kind === 'header') {
      this.#header = heading.header
      this.#state = 'payload'
      this.#keep(heading.payload)
    } else if (heading.kind === 'bad') {
      this.#state = 'bad'
    }
  }

  #keep(bytes: Uint8Array): void {
    const needed = this.#payloadBytes + bytes.length
    if (needed > this.#payload.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(this.#bytesMax, this.#payload.length * 2)))
      grown.set(this.#payload.subarray(0, this.#payloadBytes))
      this.#payload = grown
    }
    this.#payload.set(bytes, this.#payloadBytes)
    this.#payloadBytes = needed
  }
}

const NOTHING = new Uint8Array(0)

/** Bytes a message may have more than its payload: the header and its length. */
export const HEADING_BYTES_MAX = HEADER_BYTES_MAX + 8
