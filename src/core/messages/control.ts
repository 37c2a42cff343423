// Control messages: what a connection's two ends say about the connection itself, each on its own control stream for as long as it
// lives. HELLO comes first, the rest in any order. A kind nobody knows is reported as unknown and is to be ignored.
import type { Address } from '../address.ts'
import { unreachable } from '../assert.ts'
import type { CborMap } from './cbor.ts'
import { ADDRESSES_MAX, CONTROL_BYTES_MAX } from './codes.ts'
import { addressBytes, fieldMap, Fields } from './fields.ts'
import { encodeFrame, FrameReader } from './framing.ts'
import type { Hello } from './hello.ts'
import { helloMap, helloOf } from './hello.ts'

/** One control message. */
export type ControlMessage =
  | { readonly kind: 'hello'; readonly hello: Hello }
  /** The peer has read our HELLO. */
  | { readonly kind: 'hello-ack' }
  /** `token` comes back in the PONG. */
  | { readonly kind: 'ping'; readonly token: number }
  | { readonly kind: 'pong'; readonly token: number }
  /** Where the peer listens from now on, in place of what its HELLO said; at most 8. */
  | { readonly kind: 'addresses'; readonly addresses: readonly Address[] }
  /** No new streams, please: the connection ends when the open ones have. `reason` is a close code. */
  | { readonly kind: 'goaway'; readonly reason: number; readonly retryAfterMs: number | null }
  | { readonly kind: 'unknown'; readonly number: number }

const KIND = { hello: 0, helloAck: 1, ping: 2, pong: 3, addresses: 4, goaway: 5 } as const
const KEY = { kind: 0, token: 1, addresses: 1, reason: 1, retryAfterMs: 2 } as const

/** A control message as the frame that goes onto the control stream. */
export const encodeControl = (message: Exclude<ControlMessage, { kind: 'unknown' }>): Uint8Array =>
  encodeFrame(controlMap(message))

const controlMap = (message: Exclude<ControlMessage, { kind: 'unknown' }>): CborMap => {
  switch (message.kind) {
    case 'hello':
      return helloMap(KIND.hello, message.hello)
    case 'hello-ack':
      return fieldMap([[KEY.kind, KIND.helloAck]])
    case 'ping':
      return fieldMap([
        [KEY.kind, KIND.ping],
        [KEY.token, message.token],
      ])
    case 'pong':
      return fieldMap([
        [KEY.kind, KIND.pong],
        [KEY.token, message.token],
      ])
    case 'addresses':
      return fieldMap([
        [KEY.kind, KIND.addresses],
        [KEY.addresses, message.addresses.slice(0, ADDRESSES_MAX).map(addressBytes)],
      ])
    case 'goaway':
      return fieldMap([
        [KEY.kind, KIND.goaway],
        [KEY.reason, message.reason],
        [KEY.retryAfterMs, message.retryAfterMs],
      ])
    default:
      return unreachable(message)
  }
}

/** The control message of a decoded frame, or null when it is malformed. */
export const decodeControl = (map: CborMap): ControlMessage | null => {
  const fields = new Fields(map)
  const message = messageOf(fields, map)
  return fields.failed ? null : message
}

const messageOf = (fields: Fields, map: CborMap): ControlMessage | null => {
  const number = fields.uint(KEY.kind)
  switch (number) {
    case KIND.hello: {
      const hello = helloOf(map)
      return hello === null ? null : { kind: 'hello', hello }
    }
    case KIND.helloAck:
      return { kind: 'hello-ack' }
    case KIND.ping:
      return { kind: 'ping', token: fields.uint(KEY.token) }
    case KIND.pong:
      return { kind: 'pong', token: fields.uint(KEY.token) }
    case KIND.addresses:
      return { kind: 'addresses', addresses: fields.addresses(KEY.addresses) }
    case KIND.goaway:
      return {
        kind: 'goaway',
        reason: fields.uint(KEY.reason),
        retryAfterMs: fields.optionalUint(KEY.retryAfterMs),
      }
    default:
      return { kind: 'unknown', number }
  }
}

/** Takes the bytes of a control stream and gives its messages. */
export class ControlReader {
  readonly #frames = new FrameReader(CONTROL_BYTES_MAX)

  /** The messages these bytes complete, in order; null, now and ever after, when the stream is malformed (BAD_MESSAGE). */
  receive(bytes: Uint8Array): readonly ControlMessage[] | null {
    this.#frames.receive(bytes)
    /** Bounded by the bytes given: a message takes at least three. */
    const messages: ControlMessage[] = []
    for (;;) {
      const frame = this.#frames.next()
      if (frame.kind === 'more') return messages
      const message = frame.kind === 'map' ? decodeControl(frame.map) : null
      if (message === null) return this.#fail()
      messages.push(message)
    }
  }

  #fail(): null {
    this.#frames.fail()
    return null
  }
}
