// Retry and NEW_TOKEN: a client proves its address before the server keeps anything, and the next time it brings the proof along.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concat, Reader, toHex } from '../../../src/core/bytes.ts'
import { invalidToken } from '../../../src/core/gate/refusal.ts'
import type { StreamId } from '../../../src/core/ids.ts'
import type { FirstInitial } from '../../../src/core/quic/connection.ts'
import { readFrame } from '../../../src/core/quic/frames.ts'
import { initialKeys } from '../../../src/core/quic/keys.ts'
import { type LongHeader, parseHeader } from '../../../src/core/quic/packet.ts'
import { openPacket } from '../../../src/core/quic/protection.ts'
import { retry } from '../../../src/core/quic/retry.ts'
import { TOKEN_BYTES_MAX } from '../../../src/core/quic/token-exchange.ts'
import { Tokens } from '../../../src/core/quic/tokens.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { ForgedPair } from './forge.ts'
import { crypto, type End, FOUL, Pair, type PairOptions } from './pair.ts'

const WALL = 1_790_000_000_000
const SEEDS = 100

const newTokens = (): Tokens => new Tokens({ crypto, random: new SeededRandom(5) })

const initialOf = (bytes: Uint8Array): LongHeader => {
  const header = parseHeader(bytes, 0, 8)
  assert.ok(header?.form === 'long' && header.type === 'initial')
  return header
}

const retryBytes = (header: LongHeader, token: Uint8Array, retryId: Uint8Array): Uint8Array => {
  const into = new Uint8Array(1200)
  return into.slice(0, retry(header, { token, retryId }, into, crypto))
}

/** A server that keeps nothing for whoever brings no valid token. */
class RetryingPair extends Pair {
  readonly tokens: Tokens
  retriesSent = 0
  /** The datagrams of the client's in the order in which they left. */
  readonly fromClient: Uint8Array[] = []
  accepted: FirstInitial | null = null

  constructor(options: PairOptions = {}, tokens = newTokens()) {
    super(options)
    this.tokens = tokens
    const passes = this.filter
    this.filter = (bytes, from) => {
      if (from === this.client) this.fromClient.push(bytes.slice())
      return passes(bytes, from)
    }
    this.admit = (header, from) => this.#admit(header, from)
  }

  #admit(header: LongHeader, from: End): FirstInitial | null {
    const { ip, port } = from.address
    const { sourceId, destinationId } = header
    const look = this.tokens.read(header.token, { ip, port, destinationId }, WALL + this.now)
    if (look.kind === 'new-token') this.tokens.spend(header.token, ip)
    if (look.kind === 'retry' || look.kind === 'new-token') {
      this.accepted = { sourceId, destinationId, validation: look }
      return this.accepted
    }
    const into = new Uint8Array(1200)
    if (look.kind === 'invalid-retry') {
      this.launch(this.server, into.slice(0, invalidToken(header, into, crypto)))
      return null
    }
    this.retriesSent++
    const retryId = new Uint8Array(8)
    this.random.fill(retryId)
    const token = this.tokens.mintRetry({ ip, port, originalId: destinationId.slice(), retryId }, WALL + this.now)
    this.launch(this.server, retryBytes(header, token, retryId))
    return null
  }
}

/** Number and handshake bytes of a client's Initial. */
const openInitial = (datagram: Uint8Array): { number: number; token: Uint8Array; crypto: Map<number, Uint8Array> } => {
  const bytes = datagram.slice()
  const header = initialOf(bytes)
  const { read } = initialKeys(crypto, header.destinationId, 'server')
  const opened = openPacket(read, bytes, { start: 0, packetNumberAt: header.payload, end: header.end }, -1)
  assert.ok(opened.kind === 'opened')
  const pieces = new Map<number, Uint8Array>()
  const reader = new Reader(bytes, opened.payload, opened.end)
  while (reader.remaining > 0) {
    const frame = readFrame(reader)
    assert.ok(frame !== null)
    if (frame.type === 'crypto') pieces.set(frame.offset, frame.data.slice())
  }
  return { number: opened.packetNumber, token: header.token.slice(), crypto: pieces }
}

const helloOf = (datagrams: readonly Uint8Array[]): Uint8Array => {
  const pieces = new Map(datagrams.flatMap((datagram) => [...openInitial(datagram).crypto]))
  return concat(...[...pieces].sort((a, b) => a[0] - b[0]).map(([, bytes]) => bytes))
}

/** A client whose two first datagrams are lost, and the header of the first. */
const lonely = (): { pair: Pair; header: LongHeader } => {
  const pair = new Pair()
  let first: Uint8Array | null = null
  pair.admit = () => null
  pair.filter = (bytes) => {
    first ??= bytes.slice()
    return false
  }
  pair.run(() => first !== null, 5000)
  assert.ok(first !== null)
  return { pair, header: initialOf(first) }
}

const RETRY_ID = new Uint8Array(8).fill(0x77)
const TOKEN = new Uint8Array(40).fill(0x55)

/** Where the client sends next, and the token it sends. */
const nextInitial = (pair: Pair): LongHeader => {
  const sent: Uint8Array[] = []
  pair.filter = (bytes, from) => {
    if (from === pair.client) sent.push(bytes.slice())
    return false
  }
  pair.flush(pair.client)
  pair.run(() => sent.length > 0, 20_000)
  return initialOf(sent[0]!)
}

const follows = (pair: Pair, datagram: Uint8Array, from = pair.server.address): boolean => {
  pair.client.live.receive(datagram.slice(), from, pair.now)
  const { destinationId, token } = nextInitial(pair)
  const followed = toHex(destinationId) === toHex(RETRY_ID)
  assert.equal(token.length > 0, followed)
  return followed
}

describe('a client that gets a Retry', () => {
  it(`is established by a server that kept nothing before, for ${SEEDS} seeds of a foul network`, () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const pair = new RetryingPair({ seed, weather: FOUL }).establish()
      assert.ok(pair.retriesSent > 0 && pair.accepted?.validation?.kind === 'retry', `seed ${seed}`)
      const id = pair.client.live.open(false)!
      pair.client.send(id, new Uint8Array(20_000).fill(seed))
      pair.flush(pair.client)
      assert.ok(
        pair.run(() => pair.server.received(id).length === 20_000, 30_000),
        `seed ${seed}`,
      )
    }
  })

  it('needs one round trip more, and has measured it', () => {
    const plain = new Pair().establish()
    const pair = new RetryingPair().establish()
    assert.ok(Math.abs(pair.now - plain.now - 10) < 0.001, `${pair.now - plain.now} ms`)
    const asked = new RetryingPair()
    asked.run(() => asked.fromClient.length > 0, 1000)
    assert.equal(asked.client.live.stats.rttMs, 10)
  })

  it('puts its token on every Initial from then on, those to the server’s own id as well', () => {
    const pair = new RetryingPair().establish()
    const initials = pair.fromClient.filter((bytes) => (bytes[0]! & 0xf0) === 0xc0).map(initialOf)
    assert.ok(new Set(initials.map(({ destinationId }) => toHex(destinationId))).size >= 2)
    for (const { token } of initials) assert.ok(token.length > 0)
  })

  it('says the same ClientHello as before, and its packet numbers go on', () => {
    const sent: Uint8Array[] = []
    const { pair, header } = lonely()
    pair.filter = (bytes) => {
      sent.push(bytes.slice())
      return false
    }
    pair.run(() => sent.length >= 2, 20_000)
    const before = helloOf(sent)
    const last = openInitial(sent.at(-1)!).number
    sent.length = 0
    pair.client.live.receive(retryBytes(header, TOKEN, RETRY_ID), pair.server.address, pair.now)
    pair.flush(pair.client)
    assert.equal(sent.length, 2)
    assert.equal(toHex(helloOf(sent)), toHex(before))
    for (const bytes of sent) {
      assert.equal(bytes.length, 1200)
      assert.equal(toHex(initialOf(bytes).destinationId), toHex(RETRY_ID))
      assert.equal(toHex(initialOf(bytes).token), toHex(TOKEN))
    }
    assert.ok(openInitial(sent[0]!).number > last)
    assert.ok(openInitial(sent[1]!).number > openInitial(sent[0]!).number)
  })

  it('follows a genuine one', () => {
    const { pair, header } = lonely()
    assert.ok(follows(pair, retryBytes(header, TOKEN, RETRY_ID)))
  })

  it('ignores one with any bit flipped', () => {
    const { pair, header } = lonely()
    const genuine = retryBytes(header, TOKEN, RETRY_ID)
    for (let bit = 0; bit < 8 * genuine.length; bit++) {
      const forged = genuine.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      pair.client.live.receive(forged, pair.server.address, pair.now)
    }
    assert.equal(pair.client.closed, null)
    assert.equal(toHex(nextInitial(pair).destinationId), toHex(header.destinationId))
  })

  it('ignores one for another Initial, another id, from elsewhere, without token, with a huge one, or to the same id', () => {
    const other = new Uint8Array(8).fill(9)
    const cases: [string, (header: LongHeader) => Uint8Array][] = [
      ['another Initial', (header) => retryBytes({ ...header, destinationId: other }, TOKEN, RETRY_ID)],
      ['another id', (header) => retryBytes({ ...header, sourceId: other }, TOKEN, RETRY_ID)],
      ['no token', (header) => retryBytes(header, new Uint8Array(0), RETRY_ID)],
      ['a huge token', (header) => retryBytes(header, new Uint8Array(TOKEN_BYTES_MAX + 1), RETRY_ID)],
      ['the same id', (header) => retryBytes(header, TOKEN, header.destinationId)],
    ]
    for (const [what, make] of cases) {
      const { pair, header } = lonely()
      assert.ok(!follows(pair, make(header)), what)
    }
    const { pair, header } = lonely()
    assert.ok(!follows(pair, retryBytes(header, TOKEN, RETRY_ID), { ...pair.server.address, port: 9 }))
  })

  it('takes a token as long as it may be', () => {
    const { pair, header } = lonely()
    assert.ok(follows(pair, retryBytes(header, new Uint8Array(TOKEN_BYTES_MAX).fill(1), RETRY_ID)))
  })

  it('ignores a second one, whichever id it answers', () => {
    const { pair, header } = lonely()
    assert.ok(follows(pair, retryBytes(header, TOKEN, RETRY_ID)))
    const second = new Uint8Array(8).fill(0x78)
    for (const destinationId of [header.destinationId, RETRY_ID]) {
      assert.ok(follows(pair, retryBytes({ ...header, destinationId }, new Uint8Array(9).fill(3), second)))
    }
    assert.equal(toHex(nextInitial(pair).token), toHex(TOKEN))
  })

  it('ignores one after any other packet', () => {
    const pair = new Pair()
    let header: LongHeader | null = null
    pair.admit = (first) =>
      (header = { ...first, sourceId: first.sourceId.slice(), destinationId: first.destinationId.slice() })
    pair.run(() => pair.client.live.opened, 1000)
    assert.ok(pair.client.live.opened && header !== null && !pair.client.has('established'))
    pair.client.live.receive(retryBytes(header, TOKEN, RETRY_ID), pair.server.address, pair.now)
    pair.establish()
    assert.equal(pair.client.closed, null)
  })

  it('ignores Version Negotiation from then on', () => {
    const { pair, header } = lonely()
    assert.ok(follows(pair, retryBytes(header, TOKEN, RETRY_ID)))
    const versions = concat(
      Uint8Array.of(0xc0, 0, 0, 0, 0, 8),
      header.sourceId,
      Uint8Array.of(8),
      RETRY_ID,
      Uint8Array.of(0, 0, 0, 2),
    )
    pair.client.live.receive(versions, pair.server.address, pair.now)
    pair.flush(pair.client)
    assert.equal(pair.client.closed, null)
  })

  it('means nothing to a server', () => {
    const pair = new ForgedPair()
    pair.run(() => pair.server.connection !== null, 1000)
    const [id = new Uint8Array(8)] = pair.server.live.localIds
    const header = { sourceId: id, destinationId: id } as LongHeader
    pair.server.live.receive(retryBytes(header, TOKEN, RETRY_ID), pair.client.address, pair.now)
    pair.establish()
  })

  it('gives up when the server says INVALID_TOKEN', () => {
    const pair = new RetryingPair()
    // The Retry takes longer to arrive than its token lives.
    const stale = newTokens()
    pair.admit = (header, from) => {
      const { ip, port } = from.address
      const { destinationId } = header
      const into = new Uint8Array(1200)
      if (header.token.length > 0) {
        const look = pair.tokens.read(header.token, { ip, port, destinationId }, WALL + pair.now)
        assert.equal(look.kind, 'invalid-retry')
        pair.launch(pair.server, into.slice(0, invalidToken(header, into, crypto)))
      } else {
        const token = stale.mintRetry({ ip, port, originalId: destinationId, retryId: RETRY_ID }, WALL - 20_000)
        pair.launch(pair.server, retryBytes(header, token, RETRY_ID))
      }
      return null
    }
    pair.run(() => pair.client.closed !== null, 5000)
    assert.ok(pair.client.closed?.kind === 'transport' && !pair.client.closed.ours && pair.client.closed.code === 0x0b)
  })
})

describe('the ids in the server’s transport parameters', () => {
  const other = new Uint8Array(8).fill(9)
  const lies: [string, (first: FirstInitial) => FirstInitial][] = [
    [
      'another retry_source_connection_id',
      (first) => {
        assert.ok(first.validation?.kind === 'retry')
        return { ...first, validation: { ...first.validation, retryId: other } }
      },
    ],
    ['no retry_source_connection_id', (first) => ({ ...first, validation: { kind: 'new-token' } })],
    [
      'another original_destination_connection_id',
      (first) => {
        assert.ok(first.validation?.kind === 'retry')
        return { ...first, validation: { ...first.validation, originalId: other } }
      },
    ],
  ]
  for (const [what, lie] of lies) {
    it(`${what} after a Retry closes with TRANSPORT_PARAMETER_ERROR`, () => {
      const pair = new RetryingPair()
      const honest = pair.admit
      pair.admit = (header, from) => {
        const first = honest(header, from)
        return first === null ? null : lie(first)
      }
      pair.run(() => pair.client.closed !== null, 5000)
      assert.ok(pair.client.closed?.kind === 'transport' && pair.client.closed.ours, JSON.stringify(pair.client.closed))
      assert.equal(pair.client.closed.code, 0x08)
    })
  }

  it('a retry_source_connection_id without a Retry closes with TRANSPORT_PARAMETER_ERROR', () => {
    const pair = new Pair()
    pair.admit = (header) => ({
      ...header,
      validation: { kind: 'retry', originalId: header.destinationId, retryId: header.destinationId },
    })
    pair.run(() => pair.client.closed !== null, 5000)
    assert.ok(pair.client.closed?.kind === 'transport' && pair.client.closed.code === 0x08)
  })
})

describe('what a server may send', () => {
  const sentToSilence = (validation: FirstInitial['validation']): number => {
    const pair = new Pair()
    pair.admit = (header) => ({ ...header, validation: validation ?? null })
    pair.filter = () => false
    pair.run(() => false, 25_000)
    return pair.server.sentDatagrams.reduce((sum, length) => sum + length, 0)
  }

  it('is three times what it received, unless the source is validated', () => {
    assert.ok(sentToSilence(null) <= 7200)
    assert.ok(sentToSilence(undefined) <= 7200)
    for (const kind of ['trusted', 'new-token'] as const) assert.ok(sentToSilence({ kind }) > 7200, kind)
  })

  it('as a Retry is a tenth of the datagram that it answers', () => {
    const longest = { sourceId: new Uint8Array(20), destinationId: new Uint8Array(20) } as LongHeader
    const binding = { ip: '2001:db8::1', port: 1, originalId: longest.destinationId, retryId: RETRY_ID }
    assert.ok(retryBytes(longest, newTokens().mintRetry(binding, WALL), RETRY_ID).length <= 120)
  })
})

describe('a NEW_TOKEN token', () => {
  const given = (pair: Pair): Uint8Array[] =>
    pair.client.log.flatMap((output) => (output.kind === 'new-token' ? [output.token] : []))

  const giveAndWait = (pair: Pair, token: Uint8Array): void => {
    pair.server.live.sendToken(token)
    pair.flush(pair.server)
    assert.ok(pair.run(() => given(pair).length > 0, 20_000))
  }

  it(`reaches the client once, for ${SEEDS} seeds of a foul network`, () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const pair = new Pair({ seed, weather: FOUL })
      pair.run(() => pair.server.connection !== null)
      // Asked for early, it waits for the end of the handshake.
      pair.server.live.sendToken(TOKEN)
      pair.establish()
      assert.ok(
        pair.run(() => given(pair).length > 0, 20_000),
        `seed ${seed}`,
      )
      pair.run(() => false, 2000)
      assert.deepEqual(given(pair), [TOKEN])
    }
  })

  it('waits for the end of the handshake, which proves who gets it', () => {
    const pair = new Pair()
    pair.run(() => pair.server.connection !== null)
    pair.server.live.sendToken(TOKEN)
    pair.filter = (_, from) => from === pair.server
    pair.run(() => false, 5000)
    assert.ok(pair.client.has('established') && !pair.server.has('established'))
    assert.deepEqual(given(pair), [])
  })

  it('spares its holder the Retry of the next dial, and only of that', () => {
    const first = new RetryingPair().establish()
    const { tokens } = first
    const token = tokens.mintNew(first.client.address.ip, WALL + first.now)
    giveAndWait(first, token)
    const [kept] = given(first)
    assert.ok(kept !== undefined)
    const second = new RetryingPair({ client: { token: kept } }, tokens).establish()
    assert.equal(second.retriesSent, 0)
    assert.equal(second.accepted?.validation?.kind, 'new-token')
    const third = new RetryingPair({ client: { token: kept } }, tokens).establish()
    assert.ok(third.retriesSent > 0)
    assert.equal(third.accepted?.validation?.kind, 'retry')
  })

  it('of another server, or none, is followed by a Retry whose token replaces it', () => {
    const pair = new RetryingPair({ client: { token: new Uint8Array(30).fill(8) } }).establish()
    assert.ok(pair.retriesSent > 0)
  })

  it('is handed out once however often it is said, at most sixteen times in all, and not when it is huge', () => {
    const pair = new ForgedPair()
    pair.establish()
    const frames = Array.from({ length: 40 }, (_, i) => ({
      type: 'new-token' as const,
      token: new Uint8Array(10).fill(1 + (i % 20)),
    }))
    const huge = { type: 'new-token' as const, token: new Uint8Array(TOKEN_BYTES_MAX + 1) }
    pair.inject(pair.server, { space: 'application', frames: [huge] })
    pair.inject(pair.server, { space: 'application', frames })
    assert.deepEqual(
      given(pair).map((token) => token[0]),
      Array.from({ length: 16 }, (_, i) => i + 1),
    )
    assert.equal(pair.client.closed, null)
  })

  it('is given by servers alone, and the last one counts', () => {
    const pair = new Pair().establish()
    assert.throws(() => pair.client.live.sendToken(TOKEN))
    for (const first of [1, 2]) pair.server.live.sendToken(new Uint8Array(20).fill(first))
    pair.flush(pair.server)
    pair.run(() => pair.client.has('new-token'), 5000)
    assert.deepEqual(
      given(pair).map((token) => token[0]),
      [2],
    )
  })
})

describe('a stream opened after a Retry', () => {
  it('is the first of its kind', () => {
    const pair = new RetryingPair().establish()
    assert.equal(pair.client.live.open(false), 2 as StreamId)
  })
})
