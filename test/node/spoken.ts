// What a peer without manners says on a control stream, and the code that its connection is closed with, whoever dialled.
import { ascii, concat } from '../../src/core/bytes.ts'
import type { CborValue } from '../../src/core/messages/cbor.ts'
import { CLOSE } from '../../src/core/messages/codes.ts'
import { type ControlMessage, encodeControl } from '../../src/core/messages/control.ts'
import { encodeFrame } from '../../src/core/messages/framing.ts'
import { helloMap } from '../../src/core/messages/hello.ts'
import { encodeRequestHeader } from '../../src/core/messages/requests.ts'
import { HELLO } from './raw-peer.ts'

const ACK = { kind: 'hello-ack' } as const

const NAMES = ['version', 'user agent', 'incarnation', 'capability', 'addresses'] as const

/** The map of a good HELLO with some keys changed, or left out where undefined. */
const helloWith = (changes: readonly (readonly [number, CborValue | undefined])[]): Uint8Array => {
  const map = new Map<number, CborValue>(helloMap(0, HELLO.hello))
  for (const [key, value] of changes) {
    if (value === undefined) map.delete(key)
    else map.set(key, value)
  }
  return encodeFrame(map)
}

export const control = (...messages: Exclude<ControlMessage, { kind: 'unknown' }>[]): Uint8Array =>
  concat(...messages.map(encodeControl))

const GREETING = control(HELLO, ACK)
const place = (n: number): Uint8Array => ascii(`/ip4/198.51.100.${n}/udp/1/quic-v1`)

/** Each closes the connection, before or after it is identified. */
export const SPOKEN: readonly { what: string; said: Uint8Array; code: number }[] = [
  { what: 'HELLO of another version', said: helloWith([[1, 9]]), code: CLOSE.versionUnsupported },
  ...NAMES.map((name, i) => ({
    what: `HELLO without its ${name}`,
    said: helloWith([[i + 1, undefined]]),
    code: CLOSE.badMessage,
  })),
  { what: 'HELLO with a huge user agent', said: helloWith([[2, 'x'.repeat(257)]]), code: CLOSE.badMessage },
  { what: 'HELLO with a user agent of 16,000', said: helloWith([[2, 'x'.repeat(16_000)]]), code: CLOSE.badMessage },
  { what: 'HELLO with an incarnation of 9 bytes', said: helloWith([[3, new Uint8Array(9)]]), code: CLOSE.badMessage },
  {
    what: 'HELLO with nine addresses',
    said: helloWith([[5, Array.from({ length: 9 }, (_, n) => place(n + 1))]]),
    code: CLOSE.badMessage,
  },
  {
    what: 'a control message of 16 KiB plus one',
    said: concat(Uint8Array.of(0x80, 0, 0x40, 0x01), new Uint8Array(100)),
    code: CLOSE.badMessage,
  },
  { what: 'an empty control message', said: Uint8Array.of(0), code: CLOSE.badMessage },
  { what: 'HELLO_ACK before HELLO', said: control(ACK, HELLO), code: CLOSE.badMessage },
  { what: 'PING before HELLO', said: control({ kind: 'ping', token: 1 }, HELLO), code: CLOSE.badMessage },
  { what: 'PONG before HELLO', said: control({ kind: 'pong', token: 1 }, HELLO), code: CLOSE.badMessage },
  { what: 'ADDRESSES before HELLO', said: control({ kind: 'addresses', addresses: [] }), code: CLOSE.badMessage },
  {
    what: 'GOAWAY before HELLO',
    said: control({ kind: 'goaway', reason: 0, retryAfterMs: null }),
    code: CLOSE.badMessage,
  },
  { what: 'an unknown message before HELLO', said: encodeFrame(new Map([[0, 99]])), code: CLOSE.badMessage },
  { what: 'a second HELLO', said: control(HELLO, HELLO), code: CLOSE.badMessage },
  { what: 'a second HELLO once identified', said: control(HELLO, ACK, HELLO), code: CLOSE.badMessage },
  { what: 'a second HELLO_ACK', said: control(HELLO, ACK, ACK), code: CLOSE.badMessage },
  {
    what: 'a request on a control stream',
    said: concat(
      GREETING,
      encodeRequestHeader({ protocol: '/test/echo/1', target: null, count: null }),
      ascii('hello'),
    ),
    code: CLOSE.badMessage,
  },
  {
    what: 'noise on a control stream',
    said: concat(GREETING, Uint8Array.of(9, 0xff, 1, 2, 3, 4, 5, 6, 7, 8)),
    code: 5,
  },
]
