// A peer that holds the keys and breaks the rules: each breach has its code, and nothing it sends costs more than its bound.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concat, Writer } from '../../../src/core/bytes.ts'
import type { ConnectionOutput } from '../../../src/core/quic/outputs.ts'
import { growthBudget } from '../../../src/core/quic/flow-control.ts'
import { type Frame, writeFrame } from '../../../src/core/quic/frames.ts'
import type { SpaceName } from '../../../src/core/quic/recovery.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { ForgedPair } from './forge.ts'
import { FAIR, type PairOptions } from './pair.ts'

/** One stream may bring at once what many share by default. */
const UNSHARED: PairOptions = {
  transport: { ...TRANSPORT_DEFAULTS, streamBytes: { opening: 1 << 16, initial: 1 << 16, max: 1 << 16 } },
}

/** Established, and from now on the true ends hear nothing of each other: the peer is ours to play. */
const captured = (options: PairOptions = {}): ForgedPair => {
  const pair = new ForgedPair(options)
  pair.establish()
  pair.run(() => false, 100)
  pair.filter = () => false
  return pair
}

/** A server that has seen the first flight and nothing more. */
const halfOpen = (options: PairOptions = {}, quietMs = 100): ForgedPair => {
  const pair = new ForgedPair(options)
  pair.filter = () => false
  pair.run(() => pair.server.connection !== null, 100)
  pair.run(() => false, quietMs)
  return pair
}

const text = new Uint8Array(10)
const ack = (to: number): Frame => ({ type: 'ack', ranges: [{ from: 0, to }], delay: 0, ecn: null })
const stream = (id: number, offset: number, data: Uint8Array, fin = false): Frame => ({
  type: 'stream',
  stream: id,
  offset,
  data,
  fin,
})
const newId = (sequence: number, retirePriorTo = 0, first = sequence): Frame => ({
  type: 'new-connection-id',
  sequence,
  retirePriorTo,
  id: new Uint8Array(8).fill(first),
  resetToken: new Uint8Array(16),
})

const outputs = (log: readonly ConnectionOutput[], kind: ConnectionOutput['kind']): ConnectionOutput[] =>
  log.filter((output) => output.kind === kind)

const BREACHES: readonly { what: string; code: number; frames: readonly Frame[] | Uint8Array; space?: SpaceName }[] = [
  { what: 'an ACK of a packet never sent', code: 0x0a, frames: [ack(5000)] },
  { what: 'a packet without frames', code: 0x0a, frames: [] },
  { what: 'a frame of unknown type', code: 0x07, frames: Uint8Array.of(0x21, 0, 0, 0) },
  { what: 'a frame type in a longer form than needed', code: 0x07, frames: Uint8Array.of(0x40, 0x01, 0, 0) },
  { what: 'a HANDSHAKE_DONE from a client', code: 0x0a, frames: [{ type: 'handshake-done' }] },
  {
    what: 'a wish for acknowledgements sooner than we can',
    code: 0x0a,
    frames: [{ type: 'ack-frequency', sequence: 0, threshold: 1, delayUs: 999, reordering: 1 }],
  },
  {
    what: 'a wish for acknowledgements later than max_ack_delay could say',
    code: 0x0a,
    frames: [{ type: 'ack-frequency', sequence: 0, threshold: 1, delayUs: 2 ** 14 * 1000, reordering: 1 }],
  },
  { what: 'a token from a client', code: 0x0a, frames: [{ type: 'new-token', token: text }] },
  { what: 'data beyond the stream’s credit', code: 0x03, frames: [stream(0, 65_530, text)] },
  {
    what: 'data beyond the connection’s credit',
    code: 0x03,
    frames: Array.from({ length: 10 }, (_, i) => stream(4 * i, 65_000, text)),
  },
  {
    what: 'resets beyond the connection’s credit',
    code: 0x03,
    frames: Array.from({ length: 30 }, (_, i) => ({
      type: 'reset-stream',
      stream: 2 + 4 * i,
      code: 0,
      finalSize: 65_000,
    })),
  },
  { what: 'a stream beyond the limit', code: 0x04, frames: [stream(400, 0, text)] },
  { what: 'the largest stream id there is', code: 0x04, frames: [stream(2 ** 53 - 2, 0, text)] },
  { what: 'data on a stream the server never opened', code: 0x05, frames: [stream(1, 0, text)] },
  {
    what: 'credit for a stream the server never opened',
    code: 0x05,
    frames: [{ type: 'max-stream-data', stream: 1, limit: 9 }],
  },
  {
    what: 'credit for a stream that only the client sends on',
    code: 0x05,
    frames: [{ type: 'max-stream-data', stream: 2, limit: 9 }],
  },
  {
    what: 'STOP_SENDING for a stream that only the client sends on',
    code: 0x05,
    frames: [{ type: 'stop-sending', stream: 2, code: 0 }],
  },
  {
    what: 'STREAM_DATA_BLOCKED for a stream that only the server sends on',
    code: 0x05,
    frames: [{ type: 'stream-data-blocked', stream: 3, limit: 0 }],
  },
  { what: 'data on a stream that only the server sends on', code: 0x05, frames: [stream(3, 0, text)] },
  {
    what: 'a reset of a stream that only the server sends on',
    code: 0x05,
    frames: [{ type: 'reset-stream', stream: 3, code: 0, finalSize: 0 }],
  },
  { what: 'data behind the final size', code: 0x06, frames: [stream(0, 0, text, true), stream(0, 5, text)] },
  {
    what: 'a second final size',
    code: 0x06,
    frames: [stream(0, 0, text, true), stream(0, 0, text.subarray(0, 5), true)],
  },
  {
    what: 'a final size below what was received',
    code: 0x06,
    frames: [stream(0, 0, text), { type: 'reset-stream', stream: 0, code: 0, finalSize: 9 }],
  },
  { what: 'more connection ids than the limit', code: 0x09, frames: [2, 3, 4, 5].map((sequence) => newId(sequence)) },
  { what: 'two ids of one number', code: 0x0a, frames: [newId(2), newId(2, 0, 7)] },
  { what: 'one id with two numbers', code: 0x0a, frames: [newId(2), newId(3, 0, 2)] },
  { what: 'endless forced retirement', code: 0x09, frames: Array.from({ length: 30 }, (_, i) => newId(i + 2, i + 2)) },
  { what: 'the retirement of an id never issued', code: 0x0a, frames: [{ type: 'retire-connection-id', sequence: 9 }] },
  {
    what: 'the retirement of the id the packet came with',
    code: 0x0a,
    frames: [{ type: 'retire-connection-id', sequence: 0 }],
  },
  { what: 'MAX_STREAMS above 2^60', code: 0x07, frames: Uint8Array.of(0x12, 0xff, 255, 255, 255, 255, 255, 255, 255) },
  {
    what: 'STREAMS_BLOCKED above 2^60',
    code: 0x07,
    frames: Uint8Array.of(0x16, 0xff, 255, 255, 255, 255, 255, 255, 255),
  },
  { what: 'an empty NEW_TOKEN', code: 0x07, frames: Uint8Array.of(0x07, 0, 0, 0) },
  {
    what: 'a connection id of no length',
    code: 0x07,
    frames: Uint8Array.of(0x18, 2, 0, 0, ...new Uint8Array(16).fill(1)),
  },
  {
    what: 'a connection id of 21 bytes',
    code: 0x07,
    frames: Uint8Array.of(0x18, 2, 0, 21, ...new Uint8Array(37).fill(1)),
  },
  {
    what: 'a connection id that wants back more than those before it',
    code: 0x07,
    frames: Uint8Array.of(0x18, 2, 3, 8, ...new Uint8Array(24).fill(1)),
  },
  {
    what: 'an ACK of packets below zero',
    code: 0x07,
    frames: Uint8Array.of(0x02, 1, 0, 0, 5),
  },
  {
    what: 'two reset tokens for one id',
    code: 0x0a,
    frames: [newId(2), { ...newId(2), resetToken: new Uint8Array(16).fill(9) } as Frame],
  },
  {
    what: 'a stream that ends beyond 2^53',
    code: 0x07,
    frames: Uint8Array.of(0x0c, 0, 0xc0, 0x1f, 255, 255, 255, 255, 255, 255, 1, 1),
  },
  {
    what: 'a final size beyond the stream’s credit',
    code: 0x03,
    frames: [{ type: 'reset-stream', stream: 0, code: 0, finalSize: 65_537 }],
  },
  { what: 'a stream of one direction beyond the limit', code: 0x04, frames: [stream(402, 0, text)] },
  {
    what: 'STOP_SENDING for a stream the server never opened',
    code: 0x05,
    frames: [{ type: 'stop-sending', stream: 1, code: 0 }],
  },
  {
    what: 'a reset of a stream the server never opened',
    code: 0x05,
    frames: [{ type: 'reset-stream', stream: 1, code: 0, finalSize: 0 }],
  },
  { what: 'handshake data far ahead', code: 0x0d, frames: [{ type: 'crypto', offset: 60_000, data: text }] },
  {
    what: 'a handshake message after the handshake',
    code: 0x100 + 10,
    frames: [{ type: 'crypto', offset: 0, data: Uint8Array.of(24, 0, 0, 1, 0) }],
  },
  {
    what: 'offsets above 2^53',
    code: 0x07,
    frames: Uint8Array.of(0x0e, 0, 0xff, 255, 255, 255, 255, 255, 255, 255, 1, 1),
  },
]

describe('a breach by a peer with keys', () => {
  for (const { what, code, frames, space } of BREACHES) {
    it(`${what} closes with 0x${code.toString(16)}`, () => {
      const pair = captured()
      pair.server.live.open(false)
      pair.inject(pair.client, { space: space ?? 'application', frames, padTo: frames.length === 0 ? 0 : 60 })
      const closed = pair.server.closed
      assert.ok(closed?.kind === 'transport' && closed.ours, JSON.stringify(closed))
      assert.equal(closed.code, code, closed.reason)
    })
  }

  for (const frame of [{ type: 'max-data', limit: 1 }, stream(0, 0, text), { type: 'handshake-done' }] as const) {
    it(`${frame.type} in an Initial closes with PROTOCOL_VIOLATION`, () => {
      const pair = halfOpen()
      pair.inject(pair.client, { space: 'initial', frames: [frame], padTo: 1200 })
      assert.ok(pair.server.closed?.kind === 'transport' && pair.server.closed.code === 0x0a)
    })
  }
})

describe('a stranger before the handshake', () => {
  it('cannot make a blocked server’s timer spin with small datagrams', () => {
    const pair = halfOpen()
    for (let i = 0; i < 3; i++) pair.inject(pair.client, { space: 'initial', frames: [{ type: 'ping' }], padTo: 100 })
    assert.ok(pair.server.live.timerAt() > pair.now)
    pair.run(() => false, 29_000)
    assert.equal(pair.server.closed, null)
  })

  it('cannot make a blocked server’s probe timer spin by being near', () => {
    const pair = halfOpen({ weather: { ...FAIR, latencyMs: 0.1 } }, 0.2)
    pair.inject(pair.client, { space: 'initial', frames: [ack(0)], padTo: 1200 })
    pair.run(() => false, 1000)
    // Allowance for less than any packet. The pair throws when a timer does not move.
    pair.receive(pair.client, new Uint8Array(20))
    pair.run(() => false, 28_000)
    assert.equal(pair.server.closed, null)
  })

  it('gets no answer to an Initial in a small datagram', () => {
    const pair = halfOpen()
    pair.inject(pair.client, { space: 'initial', frames: [stream(0, 0, text)], padTo: 1100 })
    assert.equal(pair.server.closed, null)
  })

  it('cannot make handshake data cost more than 64 pieces', () => {
    const pair = halfOpen()
    const frames = Array.from(
      { length: 100 },
      (_, i) => ({ type: 'crypto', offset: 9000 + 2 * i, data: text.subarray(0, 1) }) as const,
    )
    pair.inject(pair.client, { space: 'initial', frames, padTo: 1200 })
    assert.ok(pair.server.closed?.kind === 'transport' && pair.server.closed.code === 0x0d)
  })

  it('is not heard from another address or with another source id, nor is a server with a token', () => {
    const pair = halfOpen()
    const bad: Frame = { type: 'handshake-done' }
    const forged = pair.forge(pair.client, { space: 'initial', frames: [bad], padTo: 1200 })
    pair.server.live.receive(forged, { ...pair.client.address, port: 9 }, pair.now)
    const sourceId = new Uint8Array(8)
    pair.receive(pair.client, pair.forge(pair.client, { space: 'initial', frames: [bad], padTo: 1200, sourceId }))
    pair.receive(pair.server, pair.forge(pair.server, { space: 'initial', frames: [bad], padTo: 1200, token: text }))
    pair.flush(pair.server)
    pair.flush(pair.client)
    assert.deepEqual([pair.server.closed, pair.client.closed], [null, null])
  })

  it('makes nobody open more than a few packets of one datagram', () => {
    const { pair, opened } = countingPair()
    const tiny = pair.forge(pair.client, { space: 'initial', frames: Uint8Array.of(1) })
    const before = opened.count
    pair.receive(pair.client, concat(...Array.from({ length: 60 }, () => tiny.slice())))
    assert.ok(opened.count - before <= 8, `${opened.count - before} packets`)
  })
})

/** A half-open server whose attempts to open a packet are counted. */
const countingPair = (): { pair: ForgedPair; opened: { count: number } } => {
  const opened = { count: 0 }
  const pair = new ForgedPair({}, (key) => ({
    seal: (...all) => key.seal(...all),
    mask: (...all) => key.mask(...all),
    release: () => key.release(),
    open: (...all) => {
      opened.count++
      return key.open(...all)
    },
  }))
  pair.filter = () => false
  pair.run(() => pair.server.connection !== null, 100)
  pair.run(() => false, 100)
  return { pair, opened }
}

describe('connection ids', () => {
  it('cannot be retired before the peer was told of them', () => {
    const pair = captured()
    const frames = Array.from({ length: 50 }, (_, i) => ({ type: 'retire-connection-id', sequence: i + 1 }) as const)
    pair.inject(pair.client, { space: 'application', frames })
    assert.ok(outputs(pair.server.log, 'id-issued').length <= 3)
    assert.ok(pair.server.closed?.kind === 'transport' && pair.server.closed.code === 0x0a)
  })

  it('issued and retired match the ids at the end, whatever was retired', () => {
    const pair = captured()
    for (let sequence = 1; sequence < 20; sequence++) {
      pair.inject(pair.client, { space: 'application', frames: [{ type: 'retire-connection-id', sequence }] })
    }
    assert.equal(pair.server.closed, null)
    const hex = (id: Uint8Array): string => Buffer.from(id).toString('hex')
    const known = new Set([hex(pair.server.live.localIds[0]!)])
    for (const output of pair.server.log) {
      if (output.kind === 'id-issued') known.add(hex(output.id))
      if (output.kind === 'id-retired') assert.ok(known.delete(hex(output.id)))
    }
    const ids = pair.server.live.localIds.map(hex)
    // What may still be under way with those that were retired last is taken, of so many.
    assert.equal(ids.length, 2 + 4)
    assert.deepEqual(new Set(ids), known)
    pair.server.live.abandon()
    pair.flush(pair.server)
    assert.deepEqual(pair.server.live.localIds.map(hex), ids)
  })
})

describe('an established peer', () => {
  it('gets PATH_RESPONSE in a datagram of 1,200 bytes, and not more than four for a flood', () => {
    const pair = captured()
    const before = pair.server.sentDatagrams.length
    const challenge = { type: 'path-challenge', data: text.subarray(0, 8) } as const
    pair.inject(pair.client, { space: 'application', frames: [challenge] })
    assert.deepEqual(pair.server.sentDatagrams.slice(before), [1200])
    for (let i = 0; i < 4; i++)
      pair.receive(pair.client, pair.forge(pair.client, { space: 'application', frames: Array(100).fill(challenge) }))
    pair.flush(pair.server)
    assert.deepEqual(pair.server.sentDatagrams.slice(before), [1200, 1200])
  })

  it('that sends every second byte of many streams is cut off before they fill the memory', () => {
    const pair = captured()
    let pieces = 0
    for (let round = 0; pair.server.closed === null && round < 2000; round++) {
      const frames: Frame[] = []
      for (let i = 0; i < 150; i++, pieces++) {
        frames.push(stream(4 * (pieces % 90), 1 + 2 * Math.floor(pieces / 90), text.subarray(0, 1)))
      }
      pair.receive(pair.client, pair.forge(pair.client, { space: 'application', frames }))
      pair.flush(pair.server)
    }
    assert.ok(pair.server.closed?.kind === 'transport' && pieces < 17_000, `${pieces} pieces`)
  })

  it('that writes a byte at a time to a slow reader is no offender', () => {
    const pair = captured(UNSHARED)
    pair.server.autoRead = false
    for (let at = 0; at < 20_000;) {
      const frames: Frame[] = []
      for (let i = 0; i < 150; i++, at++) frames.push(stream(0, at, Uint8Array.of(at)))
      pair.receive(pair.client, pair.forge(pair.client, { space: 'application', frames }))
      pair.flush(pair.server)
    }
    assert.equal(pair.server.closed, null)
    let length = 0
    for (let piece = pair.server.live.read(0 as never); piece !== null; piece = pair.server.live.read(0 as never)) {
      assert.equal(piece[0], length & 0xff)
      length += piece.length
    }
    assert.ok(length >= 20_000)
  })

  it('that resets a stream leaves none of its unread bytes behind', () => {
    const pair = captured()
    pair.server.autoRead = false
    // More pieces in all than a connection may hold, in streams that the application does not end.
    for (let id = 0; id < 90; id++) {
      for (let round = 0; round < 3; round++) {
        const frames = Array.from({ length: 100 }, (_, i) =>
          stream(4 * id, 2 * (i + 100 * round) + 1, text.subarray(0, 1)),
        )
        pair.receive(pair.client, pair.forge(pair.client, { space: 'application', frames }))
      }
      pair.inject(pair.client, {
        space: 'application',
        frames: [{ type: 'reset-stream', stream: 4 * id, code: 0, finalSize: 700 }],
      })
    }
    assert.equal(pair.server.closed, null)
  })

  it('gets no more growth of windows than twice those of a connection, and returns it', () => {
    const growth = growthBudget(1 << 28)
    const dataBytes = { initial: 1 << 19, max: 1 << 20 }
    const streamBytes = { initial: 1 << 16, max: 1 << 19 }
    const pair = new ForgedPair({ transport: { ...TRANSPORT_DEFAULTS, growth, dataBytes, streamBytes } })
    pair.establish()
    // Streams that stay open once their windows have grown.
    for (let i = 0; i < 10; i++) {
      const id = pair.client.live.open(false)!
      for (let at = 0; at < 1_200_000; at += 600_000) {
        pair.client.live.write(id, new Uint8Array(600_000))
        pair.flush(pair.client)
        assert.ok(pair.run(() => pair.server.received(id).length === at + 600_000, 60_000))
      }
    }
    const most = (1 << 28) - (1 << 21)
    assert.ok(growth.take(most), 'one peer took more than 2 MiB')
    growth.give(most)
    pair.client.live.close(0, '', pair.now)
    pair.flush(pair.client)
    pair.run(() => pair.server.has('gone'), 10_000)
    assert.ok(growth.take(1 << 28))
  })

  it('never sees more in flight than the congestion window, but for one probe of the size of the path', () => {
    const pair = captured(UNSHARED)
    const id = pair.server.live.open(false)!
    const before = pair.server.sentDatagrams.length
    pair.server.live.write(id, new Uint8Array(100))
    pair.flush(pair.server)
    pair.server.live.write(id, new Uint8Array(100_000))
    pair.flush(pair.server)
    const sent = pair.server.sentDatagrams.slice(before)
    const inFlight = sent.filter((length) => length <= 1200).reduce((sum, length) => sum + length, 0)
    assert.ok(sent.filter((length) => length > 1200).length <= 1)
    assert.ok(inFlight > 8000 && inFlight <= 12_000 + 1200, `${inFlight} bytes`)
  })

  it('with a small window is served none the less', () => {
    const transport = { ...TRANSPORT_DEFAULTS, dataBytes: { initial: 100_000, max: 100_000 } }
    const pair = new ForgedPair({ transport })
    pair.establish()
    const id = pair.client.live.open(false)!
    pair.client.send(id, new Uint8Array(500_000))
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.server.received(id).length === 500_000, 20_000))
  })
})

describe('frames', () => {
  it('that stop in the middle are an encoding error, at every length', () => {
    const whole = new Writer()
    writeFrame(whole, newId(2))
    for (let length = 1; length < whole.at; length++) {
      const pair = captured()
      pair.inject(pair.client, { space: 'application', frames: whole.written().slice(0, length) })
      assert.ok(pair.server.closed?.kind === 'transport' && pair.server.closed.code === 0x07, `${length} bytes`)
    }
  })
})
