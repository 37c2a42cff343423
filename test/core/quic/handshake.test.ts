// The handshake's datagrams: sizes, the amplification limit, what is held, what is refused, and how connections end.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Group } from '../../../src/core/ports.ts'
import { parseHeader } from '../../../src/core/quic/packet.ts'
import { TRANSPORT_DEFAULTS } from '../../../src/core/quic/settings.ts'
import { openingBytes } from '../../../src/core/quic/stream-credit.ts'
import { BOB, crypto, type End, makeIdentity, Pair } from './pair.ts'

const GROUPS: [string, Group][] = [
  ['X25519MLKEM768', 0x11ec],
  ['MLKEM768', 0x0201],
]

describe('the server’s first flight', () => {
  for (const [name, group] of GROUPS) {
    it(`fits three times a ClientHello of two datagrams without waiting for the client (${name})`, () => {
      const pair = new Pair({ group, workMs: 0 })
      // Nothing of the client's arrives but its first two datagrams.
      let fromClient = 0
      pair.filter = (_, from) => from !== pair.client || ++fromClient < 0
      assert.deepEqual(pair.client.sentDatagrams, [1200, 1200])
      pair.run(() => pair.client.has('established'), 400)
      const flight = pair.server.sentDatagrams.reduce((sum, length) => sum + length, 0)
      assert.ok(flight <= 7200, `${flight} bytes`)
      assert.ok(pair.client.has('established'), `only ${flight} bytes left: ${pair.server.sentDatagrams.join(' ')}`)
      assert.equal(fromClient > 0, true)
    })
  }

  it('fills Initial packets with Handshake bytes and never with padding while any wait', () => {
    const pair = new Pair()
    let first: Uint8Array | null = null
    pair.filter = (bytes, from) => {
      if (from === pair.server) first ??= bytes.slice()
      return true
    }
    pair.run(() => first !== null)
    const bytes = first as Uint8Array | null
    assert.ok(bytes !== null && bytes.length === 1200)
    const initial = parseHeader(bytes, 0, 8)
    assert.ok(initial?.form === 'long' && initial.type === 'initial')
    const rest = pair.server.sentDatagrams.slice(1, 3)
    assert.equal(rest[0], 1200)
  })

  it('never exceeds three times what was received while the client is silent', () => {
    const pair = new Pair()
    // Its first two datagrams are under way already.
    pair.filter = () => false
    pair.run(() => false, 30_000)
    const sent = pair.server.sentDatagrams.reduce((sum, length) => sum + length, 0)
    assert.ok(sent <= 7200 && sent > 6000, `${sent} bytes`)
  })
})

describe('what comes too early', () => {
  it('1-RTT packets sent behind Finished are held while the signature is verified, and replayed in order', () => {
    const transport = { ...TRANSPORT_DEFAULTS, streamBytes: { opening: 5000, initial: 5000, max: 5000 } }
    const pair = new Pair({ workMs: 40, transport })
    let sentAt = 0
    pair.client.onOutput = (output) => {
      if (output.kind !== 'established') return
      sentAt = pair.now
      const stream = pair.client.live.open(false)!
      pair.client.send(stream, new Uint8Array(4000).fill(7))
    }
    pair.run(() => pair.server.received(2 as never).length === 4000, 2000)
    assert.equal(pair.server.received(2 as never).length, 4000)
    // One way 5 ms, then 40 ms of verifying: without holding, a probe timeout would come on top.
    assert.ok(pair.now - sentAt < 50, `${pair.now - sentAt} ms`)
    const kinds = pair.server.log.map((output) => output.kind)
    assert.ok(kinds.indexOf('established') < kinds.indexOf('stream-opened'))
  })
})

describe('who is refused', () => {
  it('a peer with another key than the expected one, before it learns ours', () => {
    const stranger = crypto.peerId(makeIdentity().publicKey)
    const pair = new Pair({ client: { expectedPeer: stranger } })
    pair.run(() => pair.client.closed !== null && pair.server.closed !== null, 5000)
    assert.ok(pair.client.closed?.kind === 'transport' && pair.client.closed.code === 0x100 + 46)
    assert.ok(pair.client.closed.reason.startsWith('IDENTITY_MISMATCH'))
    assert.ok(
      !pair.server.has('established') &&
        !pair.server.log.some((entry) => entry.kind === 'work' && entry.work.kind === 'verify'),
    )
  })

  it('not the expected one', () => {
    const pair = new Pair({ client: { expectedPeer: crypto.peerId(BOB.publicKey) } }).establish()
    assert.equal(pair.client.closed, null)
  })

  it('one that the application does not take, with a code of its choice, though its handshake is done', () => {
    const pair = new Pair().establish()
    assert.deepEqual(pair.server.live.negotiated, { alpn: 'sallyport/1', suite: 0x1301, group: 0x11ec })
    pair.server.live.reject(0x12a, 'not in the list', pair.now)
    pair.flush(pair.server)
    pair.run(() => pair.client.closed !== null, 5000)
    assert.deepEqual(pair.client.closed, { kind: 'transport', ours: false, code: 0x12a, reason: 'not in the list' })
  })

  it('a peer without a protocol in common', () => {
    const pair = new Pair({ server: { alpn: ['other/1'] } })
    pair.run(() => pair.client.closed !== null, 5000)
    assert.ok(pair.client.closed?.kind === 'transport' && pair.client.closed.code === 0x100 + 120)
  })
})

describe('the end of a connection', () => {
  const gone = (...ends: End[]): boolean => ends.every((end) => end.has('gone'))

  it('close() reaches the peer with its code and reason, and both forget the connection', () => {
    const pair = new Pair().establish()
    pair.client.live.close(3, 'retryAfterMs=5', pair.now)
    pair.flush(pair.client)
    assert.ok(pair.run(() => gone(pair.client, pair.server), 5000))
    assert.deepEqual(pair.server.closed, { kind: 'application', ours: false, code: 3, reason: 'retryAfterMs=5' })
    assert.equal(pair.client.live.timerAt(), Infinity)
  })

  it('close() during the handshake tells the peer without the application’s words', () => {
    const pair = new Pair()
    pair.run(() => pair.server.connection !== null)
    pair.server.live.close(7, 'secret', pair.now)
    pair.flush(pair.server)
    assert.ok(pair.run(() => pair.client.closed !== null, 5000))
    assert.deepEqual(pair.client.closed, { kind: 'transport', ours: false, code: 0x0c, reason: '' })
  })

  it('a closing connection answers ever more rarely', () => {
    const pair = new Pair().establish()
    pair.server.live.close(1, '', pair.now)
    const into = new Uint8Array(1500)
    let answers = 0
    for (let i = 0; i < 64; i++) {
      pair.server.live.receive(new Uint8Array(30).fill(0x40), pair.client.address, pair.now)
      if (pair.server.live.transmit(into, pair.now) > 0) answers++
    }
    assert.equal(answers, 7)
  })

  it('a silent peer is given up after the idle timeout, and keep-alive prevents it', () => {
    const lonely = new Pair().establish()
    lonely.run(() => lonely.client.has('established') && lonely.client.closed !== null, 29_000)
    assert.equal(lonely.client.closed, null)
    assert.ok(lonely.run(() => lonely.client.closed !== null, 5000))
    assert.deepEqual(lonely.client.closed, { kind: 'idle' })
    const kept = new Pair().establish()
    kept.client.live.keepAliveMs = 10_000
    kept.run(() => kept.client.closed !== null, 100_000)
    assert.equal(kept.client.closed, null)
  })

  it('a version nobody speaks ends the attempt, unless the answer is to something else', () => {
    const pair = new Pair()
    const seen: Uint8Array[] = []
    pair.filter = (bytes, from) => {
      if (from === pair.client) seen.push(bytes.slice())
      return false
    }
    pair.run(() => seen.length > 0, 2000)
    const hello = parseHeader(seen[0]!, 0, 8)
    assert.ok(hello?.form === 'long')
    const answer = (sourceId: Uint8Array, versions: string): void => {
      const head = Buffer.from([0x80, 0, 0, 0, 0, 8, ...hello.sourceId, 8, ...sourceId])
      const bytes = Buffer.concat([head, Buffer.from(versions, 'hex')])
      pair.client.live.receive(new Uint8Array(bytes), pair.server.address, pair.now)
      pair.flush(pair.client)
    }
    answer(new Uint8Array(8), 'babababa')
    answer(hello.destinationId, 'babababa00000001')
    assert.equal(pair.client.closed, null)
    answer(hello.destinationId, 'babababa')
    assert.deepEqual(pair.client.closed, { kind: 'version' })
    assert.ok(pair.client.has('gone'))
  })

  it('abandon() says nothing to anybody', () => {
    const pair = new Pair().establish()
    pair.client.live.abandon()
    assert.equal(pair.client.live.transmit(new Uint8Array(1500), pair.now), 0)
    pair.flush(pair.client)
    assert.ok(gone(pair.client))
  })
})

describe('flow control', () => {
  it('a reader that does not read stops the writer at the stream’s credit, and nothing is lost', () => {
    const pair = new Pair().establish()
    pair.server.autoRead = false
    const stream = pair.client.live.open(false)!
    const bytes = new Uint8Array(300_000).fill(1)
    pair.client.send(stream, bytes)
    pair.flush(pair.client)
    pair.run(() => false, 5000)
    let held = 0
    for (let piece = pair.server.live.read(stream); piece !== null; piece = pair.server.live.read(stream))
      held += piece.length
    assert.equal(held, openingBytes(TRANSPORT_DEFAULTS))
    pair.server.autoRead = true
    pair.flush(pair.server)
    assert.ok(pair.run(() => held + pair.server.received(stream).length === 300_000, 20_000))
  })

  it('bulk leaves the last 64 KiB of the connection’s credit to the prioritised stream', () => {
    const transport = { ...TRANSPORT_DEFAULTS, streamBytes: { opening: 1 << 20, initial: 1 << 20, max: 1 << 20 } }
    const pair = new Pair({ transport }).establish()
    pair.server.autoRead = false
    const control = pair.client.live.open(false)!
    pair.client.live.prioritise(control)
    const bulk = pair.client.live.open(false)!
    pair.client.send(bulk, new Uint8Array(1 << 20))
    pair.flush(pair.client)
    pair.run(() => false, 3000)
    pair.client.live.write(control, new Uint8Array(1000).fill(5))
    pair.flush(pair.client)
    pair.run(() => false, 1000)
    assert.equal(pair.server.live.read(control)?.length, 1000)
    let held = 0
    for (let piece = pair.server.live.read(bulk); piece !== null; piece = pair.server.live.read(bulk))
      held += piece.length
    assert.equal(held, transport.dataBytes.initial - 64 * 1024)
  })

  it('streams beyond the limit wait for others to end', () => {
    const pair = new Pair().establish()
    for (let i = 0; i < 100; i++) pair.client.send(pair.client.live.open(true)!, Uint8Array.of(i))
    assert.equal(pair.client.live.open(true), null)
    pair.server.onOutput = (output) => {
      if (output.kind === 'stream-readable') pair.server.live.finish(output.stream)
    }
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.client.has('streams-available'), 5000))
    assert.notEqual(pair.client.live.open(true), null)
  })
})

describe('resets', () => {
  it('RESET_STREAM and STOP_SENDING arrive with their codes, and the connection’s credit comes back', () => {
    const pair = new Pair().establish()
    for (let round = 0; round < 40; round++) {
      const stream = pair.client.live.open(true)!
      pair.client.live.write(stream, new Uint8Array(40_000))
      pair.flush(pair.client)
      pair.run(() => false, 20)
      if (round % 2 === 0) pair.client.live.reset(stream, 0x10)
      else {
        pair.server.live.stop(stream, 0x12)
        pair.server.live.reset(stream, 0x12)
      }
      pair.flush(pair.client)
      pair.flush(pair.server)
      pair.run(() => false, 200)
    }
    assert.ok(pair.server.log.some((output) => output.kind === 'stream-reset' && output.code === 0x10))
    assert.ok(pair.client.log.some((output) => output.kind === 'stream-stopped' && output.code === 0x12))
    assert.equal(pair.client.closed, null)
    const last = pair.client.live.open(false)!
    pair.client.send(last, new Uint8Array(600_000))
    pair.flush(pair.client)
    assert.ok(pair.run(() => pair.server.received(last).length === 600_000, 10_000))
  })
})

it('a peer that shows that it hears is told of before what the same packet brought', () => {
  const pair = new Pair()
  pair.server.onOutput = ({ kind }) => {
    if (kind === 'established') pair.server.send(pair.server.live.open(false)!, new Uint8Array(1))
  }
  // The client says nothing, an acknowledgement neither, but what answers the server's first bytes.
  pair.client.onOutput = ({ kind }) => {
    if (kind === 'stream-readable') pair.client.send(pair.client.live.open(false)!, new Uint8Array(1))
  }
  pair.run(() => pair.server.has('stream-readable'))
  const told = pair.server.log.map(({ kind }) => kind)
  const [hears, opened] = [told.indexOf('peer-hears'), told.indexOf('stream-opened')]
  assert.ok(hears >= 0 && hears < opened, told.join(' '))
})
