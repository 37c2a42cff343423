// What RFC 9000 and RFC 9001 say MUST end a connection, where hostile.test.ts does not have it yet: by either end, in either form of packet.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Frame } from '../../../src/core/quic/frames.ts'
import type { SpaceName } from '../../../src/core/quic/recovery.ts'
import { type Forged, ForgedPair } from './forge.ts'
import type { End } from './pair.ts'

const EIGHT = new Uint8Array(8)
const BYTES = new Uint8Array(10)

/** Established, and the true ends hear nothing of each other any more. */
const captured = (): ForgedPair => {
  const pair = new ForgedPair()
  pair.establish()
  pair.run(() => false, 100)
  pair.filter = () => false
  return pair
}

/** A server that has answered a first flight, and whose answer did not arrive. */
const halfOpen = (): ForgedPair => {
  const pair = new ForgedPair()
  pair.filter = (_, from) => from === pair.client
  pair.run(() => pair.server.sentDatagrams.length > 2, 200)
  pair.filter = () => false
  return pair
}

/** A client that has keys for Handshake packets, and a server that hears nothing of it. */
const midway = (): ForgedPair => {
  const pair = new ForgedPair()
  pair.run(() => pair.canForge(pair.server, 'handshake') && pair.client.sentDatagrams.length > 2, 200)
  pair.filter = () => false
  return pair
}

const closes = (pair: ForgedPair, as: End, forged: Forged, code: number): void => {
  pair.inject(as, forged)
  const { closed } = pair.peerOf(as)
  assert.ok(closed?.kind === 'transport' && closed.ours, JSON.stringify(closed))
  assert.equal(closed.code, code, closed.reason)
}

/** Every frame that is for 1-RTT packets alone (RFC 9000 section 12.4, table 3). */
const FOR_1RTT: readonly Frame[] = [
  { type: 'reset-stream', stream: 0, code: 0, finalSize: 0 },
  { type: 'stop-sending', stream: 0, code: 0 },
  { type: 'new-token', token: BYTES },
  { type: 'stream', stream: 0, offset: 0, data: BYTES, fin: false },
  { type: 'max-data', limit: 1 },
  { type: 'max-stream-data', stream: 0, limit: 1 },
  { type: 'max-streams', bidirectional: true, limit: 1 },
  { type: 'max-streams', bidirectional: false, limit: 1 },
  { type: 'data-blocked', limit: 1 },
  { type: 'stream-data-blocked', stream: 0, limit: 1 },
  { type: 'streams-blocked', bidirectional: true, limit: 1 },
  { type: 'new-connection-id', sequence: 1, retirePriorTo: 0, id: EIGHT, resetToken: new Uint8Array(16) },
  { type: 'retire-connection-id', sequence: 0 },
  { type: 'path-challenge', data: EIGHT },
  { type: 'path-response', data: EIGHT },
  { type: 'connection-close', code: 0, frameType: null, reason: BYTES },
  { type: 'handshake-done' },
  { type: 'ack-frequency', sequence: 0, threshold: 1, delayUs: 25_000, reordering: 1 },
  { type: 'immediate-ack' },
  { type: 'datagram', data: BYTES },
]

describe('a frame in a packet that it is not for closes with PROTOCOL_VIOLATION', () => {
  for (const frame of FOR_1RTT) {
    for (const space of ['initial', 'handshake'] as const) {
      it(`${frame.type} in ${space}`, () => {
        const server = space === 'initial' ? halfOpen() : midway()
        if (space === 'initial') closes(server, server.client, { space, frames: [frame], padTo: 1200 }, 0x0a)
        else closes(server, server.server, { space, frames: [frame], padTo: 100 }, 0x0a)
      })
    }
  }
})

describe('bits that are reserved', () => {
  const places: readonly (readonly [SpaceName, number, () => ForgedPair, 'client' | 'server'])[] = [
    ['initial', 0x04, halfOpen, 'client'],
    ['initial', 0x08, halfOpen, 'client'],
    ['handshake', 0x08, midway, 'server'],
    ['application', 0x08, captured, 'client'],
    ['application', 0x10, captured, 'server'],
  ]
  for (const [space, firstBits, begin, role] of places) {
    it(`close with PROTOCOL_VIOLATION where they are set in ${space} (0x${firstBits.toString(16)})`, () => {
      const pair = begin()
      closes(pair, pair[role], { space, frames: [{ type: 'ping' }], padTo: 1200, firstBits }, 0x0a)
    })
  }

  it('are nobody’s in a packet that is not genuine', () => {
    const pair = captured()
    const datagram = pair.forge(pair.client, {
      space: 'application',
      frames: [{ type: 'ping' }],
      padTo: 100,
      firstBits: 8,
    })
    datagram[datagram.length - 1]! ^= 1
    pair.receive(pair.client, datagram)
    assert.equal(pair.server.closed, null)
  })
})

describe('handshake data at a level that is over', () => {
  it('closes with PROTOCOL_VIOLATION when it is new (RFC 9001 section 4.1.3)', () => {
    const pair = halfOpen()
    const frames = Array.from(
      { length: 4 },
      (_, i) => ({ type: 'crypto', offset: 1000 + 1000 * i, data: new Uint8Array(1000) }) as const,
    )
    for (const frame of frames) {
      if (pair.server.closed === null) pair.inject(pair.client, { space: 'initial', frames: [frame], padTo: 1200 })
    }
    assert.ok(
      pair.server.closed?.kind === 'transport' && pair.server.closed.code === 0x0a,
      JSON.stringify(pair.server.closed),
    )
  })

  it('is none when it was said before', () => {
    const pair = halfOpen()
    const frames = [{ type: 'crypto', offset: 0, data: new Uint8Array(900) }] as const
    pair.inject(pair.client, { space: 'initial', frames, padTo: 1200 })
    assert.equal(pair.server.closed, null)
  })
})

describe('a server that breaks the rules of streams', () => {
  const stream = (id: number): Frame => ({ type: 'stream', stream: id, offset: 0, data: BYTES, fin: false })
  const breaches: readonly (readonly [string, number, Frame])[] = [
    ['data on a stream the client never opened', 0x05, stream(0)],
    ['data on a stream that only the client sends on', 0x05, stream(2)],
    [
      'a reset of a stream that only the client sends on',
      0x05,
      { type: 'reset-stream', stream: 2, code: 0, finalSize: 0 },
    ],
    ['STREAM_DATA_BLOCKED for such a stream', 0x05, { type: 'stream-data-blocked', stream: 2, limit: 0 }],
    ['STOP_SENDING for a stream that only the server sends on', 0x05, { type: 'stop-sending', stream: 3, code: 0 }],
    ['credit for a stream that only the server sends on', 0x05, { type: 'max-stream-data', stream: 3, limit: 1 }],
    ['credit for a stream the client never opened', 0x05, { type: 'max-stream-data', stream: 4, limit: 1 }],
    ['a stream of two directions beyond the limit', 0x04, stream(401)],
    ['a stream of one direction beyond the limit', 0x04, stream(403)],
    ['credit for a stream beyond the limit', 0x04, { type: 'max-stream-data', stream: 401, limit: 1 }],
    ['STOP_SENDING for a stream beyond the limit', 0x04, { type: 'stop-sending', stream: 401, code: 0 }],
    ['a reset of a stream beyond the limit', 0x04, { type: 'reset-stream', stream: 403, code: 0, finalSize: 0 }],
    ['STREAM_DATA_BLOCKED for a stream beyond the limit', 0x04, { type: 'stream-data-blocked', stream: 403, limit: 0 }],
  ]
  for (const [what, code, frame] of breaches) {
    it(`${what} closes with 0x${code.toString(16)}`, () => {
      const pair = captured()
      pair.client.live.open(false)
      closes(pair, pair.server, { space: 'application', frames: [frame], padTo: 60 }, code)
    })
  }
})

describe('what comes twice', () => {
  it('is no breach: ids, retirements, tokens, resets, limits, and packets', () => {
    const pair = captured()
    const frames: Frame[] = [
      { type: 'new-connection-id', sequence: 2, retirePriorTo: 0, id: EIGHT, resetToken: new Uint8Array(16) },
      { type: 'retire-connection-id', sequence: 1 },
      { type: 'stream', stream: 0, offset: 0, data: BYTES, fin: true },
      { type: 'reset-stream', stream: 0, code: 0, finalSize: 10 },
      { type: 'max-data', limit: 1 },
      { type: 'max-streams', bidirectional: true, limit: 1 },
      { type: 'stop-sending', stream: 0, code: 1 },
      { type: 'path-response', data: EIGHT },
    ]
    const datagram = pair.forge(pair.client, { space: 'application', frames: [...frames, ...frames] })
    pair.receive(pair.client, datagram.slice())
    pair.receive(pair.client, datagram)
    pair.inject(pair.client, { space: 'application', frames })
    assert.equal(pair.server.closed, null)
  })
})
