// Stateless reset: who lost a connection can say so, nobody else can, and two who lost it fall silent.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../../src/core/bytes.ts'
import type { ConnectionOutput } from '../../../src/core/quic/outputs.ts'
import { parseHeader } from '../../../src/core/quic/packet.ts'
import { resetToken, statelessReset } from '../../../src/core/quic/stateless-reset.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { ForgedPair } from './forge.ts'
import { crypto, type End, Pair } from './pair.ts'

const SECRET = new Uint8Array(32).fill(0x11)
const OTHER_SECRET = new Uint8Array(32).fill(0x12)

const ports = (secret = SECRET, seed = 3) => ({ crypto, random: new SeededRandom(seed), secret })

/** Established, both ends with a secret, and from now on neither hears the other. */
const severed = (): ForgedPair => {
  const pair = new ForgedPair({ client: { resetSecret: OTHER_SECRET }, server: { resetSecret: SECRET } })
  pair.establish()
  pair.run(() => false, 200)
  pair.filter = () => false
  return pair
}

const lastFrom = (pair: Pair, end: End): Uint8Array => {
  let last: Uint8Array | null = null
  pair.filter = (bytes, from) => {
    if (from === end) last = bytes.slice()
    return false
  }
  const id = end.live.open(false)!
  end.live.write(id, new Uint8Array(500))
  pair.flush(end)
  assert.ok(last !== null)
  return last
}

/** What a process that has only the secret answers to a datagram. */
const answer = (datagram: Uint8Array, secret = SECRET): Uint8Array => {
  const header = parseHeader(datagram, 0, 8)
  assert.ok(header?.form === 'short')
  const into = new Uint8Array(1200)
  const trigger = { bytes: datagram.length, destinationId: header.destinationId }
  return into.slice(0, statelessReset(trigger, into, ports(secret)))
}

const inUse = (log: readonly ConnectionOutput[]): string[] => {
  const tokens = new Set<string>()
  for (const output of log) {
    if (output.kind !== 'reset-token') continue
    if (output.inUse) tokens.add(toHex(output.token))
    else assert.ok(tokens.delete(toHex(output.token)))
  }
  return [...tokens]
}

const reset = { kind: 'stateless-reset' } as const

describe('a connection whose peer has lost it', () => {
  it('ends with a reason of its own at the answer to what it sends, and says nothing more', () => {
    const pair = severed()
    const datagram = lastFrom(pair, pair.client)
    // The server's process is another one now.
    pair.receive(pair.server, answer(datagram))
    pair.flush(pair.client)
    assert.deepEqual(pair.client.closed, reset)
    const { length } = pair.client.sentDatagrams
    pair.receive(pair.server, answer(datagram))
    pair.run(() => pair.client.has('gone'), 30_000)
    assert.ok(pair.client.has('gone'))
    assert.equal(pair.client.sentDatagrams.length, length)
    assert.equal(pair.client.log.filter(({ kind }) => kind === 'closed').length, 1)
  })

  it('knows the token whatever bytes come before it', () => {
    const pair = severed()
    const [token] = inUse(pair.client.log)
    const datagram = new Uint8Array(600).fill(0x41)
    datagram.set(Buffer.from(token!, 'hex'), 584)
    pair.receive(pair.server, datagram)
    pair.flush(pair.client)
    assert.deepEqual(pair.client.closed, reset)
  })

  it('is not fooled by any flipped bit of the token, another secret, or another address', () => {
    const pair = severed()
    const datagram = lastFrom(pair, pair.client)
    const genuine = answer(datagram)
    for (let bit = 8 * (genuine.length - 16); bit < 8 * genuine.length; bit++) {
      const forged = genuine.slice()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      pair.receive(pair.server, forged)
    }
    pair.receive(pair.server, answer(datagram, OTHER_SECRET))
    pair.receive(pair.server, genuine.subarray(genuine.length - 20))
    pair.client.live.receive(genuine.slice(), { ...pair.server.address, port: 9 }, pair.now)
    pair.flush(pair.client)
    assert.equal(pair.client.closed, null)
  })

  it('goes by the token of the id that it sends to, not by those of spare or retired ids', () => {
    const pair = severed()
    const [first, spare] = pair.server.live.localIds
    assert.ok(first !== undefined && spare !== undefined)
    const token = (id: Uint8Array): Uint8Array => {
      const into = new Uint8Array(100)
      return into.slice(0, statelessReset({ bytes: 60, destinationId: id }, into, ports()))
    }
    assert.deepEqual(inUse(pair.client.log), [toHex(resetToken(crypto, SECRET, first))])
    pair.receive(pair.server, token(spare))
    assert.equal(pair.client.live.poll(), null)
    // The server asks for its first id to be retired, and gives a third.
    const id = new Uint8Array(8).fill(5)
    const frame = {
      type: 'new-connection-id',
      sequence: 2,
      retirePriorTo: 1,
      id,
      resetToken: new Uint8Array(16),
    } as const
    pair.inject(pair.server, { space: 'application', frames: [frame] })
    assert.deepEqual(inUse(pair.client.log), [toHex(resetToken(crypto, SECRET, spare))])
    pair.receive(pair.server, token(first))
    pair.flush(pair.client)
    assert.equal(pair.client.closed, null)
    pair.receive(pair.server, token(spare))
    pair.flush(pair.client)
    assert.deepEqual(pair.client.closed, reset)
  })

  it('may be the acceptor’s, once the client has given it another id', () => {
    const pair = severed()
    assert.deepEqual(inUse(pair.server.log), [])
    const frame = { type: 'new-connection-id', sequence: 2, retirePriorTo: 1, id: new Uint8Array(8).fill(5) } as const
    pair.inject(pair.client, { space: 'application', frames: [{ ...frame, resetToken: new Uint8Array(16).fill(6) }] })
    const [, spare] = pair.client.live.localIds
    assert.deepEqual(inUse(pair.server.log), [toHex(resetToken(crypto, OTHER_SECRET, spare!))])
    pair.receive(pair.client, answer(lastFrom(pair, pair.server), OTHER_SECRET))
    pair.flush(pair.server)
    assert.deepEqual(pair.server.closed, reset)
  })

  it('takes none from a peer without a secret: its tokens are nobody’s to say', () => {
    const pair = new Pair().establish()
    pair.run(() => false, 200)
    assert.deepEqual(inUse(pair.client.log), [])
    pair.client.live.receive(answer(lastFrom(pair, pair.client)), pair.server.address, pair.now)
    pair.client.live.receive(new Uint8Array(40), pair.server.address, pair.now)
    pair.flush(pair.client)
    assert.equal(pair.client.closed, null)
  })

  it('that is closing stays so', () => {
    const pair = severed()
    const datagram = lastFrom(pair, pair.client)
    pair.client.live.close(3, '', pair.now)
    pair.receive(pair.server, answer(datagram))
    pair.flush(pair.client)
    assert.ok(pair.client.closed?.kind === 'application' && pair.client.closed.code === 3)
  })
})

describe('a reset token', () => {
  it('follows from the secret and the id alone', () => {
    const id = fc.uint8Array({ minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(id, id, (a, b) => {
        assert.deepEqual(resetToken(crypto, SECRET, a), resetToken(crypto, SECRET, a.slice()))
        assert.equal(resetToken(crypto, SECRET, a).length, 16)
        assert.notDeepEqual(resetToken(crypto, SECRET, a), resetToken(crypto, OTHER_SECRET, a))
        if (toHex(a) !== toHex(b)) assert.notDeepEqual(resetToken(crypto, SECRET, a), resetToken(crypto, SECRET, b))
      }),
    )
  })

  it('said twice of one id in two ways closes with PROTOCOL_VIOLATION', () => {
    const pair = severed()
    const frame = { type: 'new-connection-id', sequence: 2, retirePriorTo: 0, id: new Uint8Array(8).fill(5) } as const
    const frames = [1, 2].map((fill) => ({ ...frame, resetToken: new Uint8Array(16).fill(fill) }))
    pair.inject(pair.server, { space: 'application', frames })
    assert.ok(pair.client.closed?.kind === 'transport' && pair.client.closed.code === 0x0a)
  })
})

describe('a stateless reset', () => {
  it('is shorter than its trigger, looks like a short header, and ends in the token', () => {
    const id = fc.uint8Array({ minLength: 8, maxLength: 8 })
    fc.assert(
      fc.property(fc.integer({ min: 22, max: 65_535 }), id, fc.nat(), (bytes, destinationId, seed) => {
        const into = new Uint8Array(1200)
        const length = statelessReset({ bytes, destinationId }, into, ports(SECRET, seed))
        assert.ok(length >= 21 && length < bytes && length < 60)
        assert.equal(into[0]! & 0xc0, 0x40)
        assert.deepEqual(into.slice(length - 16, length), resetToken(crypto, SECRET, destinationId))
      }),
    )
  })

  it('is not sent to what is too short, so that two who know nothing fall silent', () => {
    for (let bytes = 0; bytes <= 21; bytes++) {
      assert.equal(statelessReset({ bytes, destinationId: new Uint8Array(8) }, new Uint8Array(100), ports()), 0)
    }
    let datagram = new Uint8Array(1200).fill(0x40)
    let answers = 0
    while (datagram.length > 0) {
      datagram = new Uint8Array(answer(datagram))
      answers++
    }
    assert.ok(answers < 50, `${answers} answers`)
  })
})
