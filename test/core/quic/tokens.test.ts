// Tokens: what is valid, for whom, for how long and how often, and that nothing else is.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeyedHash } from '../../../src/core/gate/keyed-hash.ts'
import {
  NEW_TOKEN_MS,
  RETRY_TOKEN_MS,
  type RetryBinding,
  type TokenLook,
  Tokens,
} from '../../../src/core/quic/tokens.ts'
import { UsedTokens } from '../../../src/core/quic/used-tokens.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { crypto } from './pair.ts'

const WALL = 1_790_000_123_456

const make = (seed = 1): Tokens => new Tokens({ crypto, random: new SeededRandom(seed) })

const BINDING: RetryBinding = {
  ip: '192.0.2.1',
  port: 9000,
  originalId: new Uint8Array(8).fill(1),
  retryId: new Uint8Array(8).fill(2),
}

const bearer = (binding: RetryBinding) => ({ ...binding, destinationId: binding.retryId })
const BEARER = bearer(BINDING)

/** No HMAC, but as good to tell tokens apart, and many times faster. */
const quickMac: typeof crypto.hmac = (_name, key, data) => {
  const halves = [0, 8].flatMap((at) => [...new KeyedHash(key.subarray(at, at + 8)).digest(data)])
  return new Uint8Array(Uint32Array.from(halves).buffer)
}

const ip = fc.oneof(fc.ipV4(), fc.constantFrom('::1', '2001:db8::1', 'fe80::1:2'))
const port = fc.integer({ min: 1, max: 65_535 })
const binding: fc.Arbitrary<RetryBinding> = fc.record({
  ip,
  port,
  originalId: fc.uint8Array({ minLength: 8, maxLength: 20 }),
  retryId: fc.uint8Array({ minLength: 8, maxLength: 8 }),
})
const isValid = (look: TokenLook): boolean => look.kind === 'retry' || look.kind === 'new-token'

describe('a Retry token', () => {
  it('gives back the original id to whoever comes from the same address to the Retry’s id', () => {
    const tokens = make()
    fc.assert(
      fc.property(binding, fc.nat(RETRY_TOKEN_MS - 1), (bound, age) => {
        const token = tokens.mintRetry(bound, WALL)
        assert.deepEqual(tokens.read(token, bearer(bound), WALL + age), {
          kind: 'retry',
          originalId: bound.originalId,
          retryId: bound.retryId,
        })
      }),
    )
  })

  it('is invalid for any other ip, port or destination id', () => {
    const tokens = make()
    fc.assert(
      fc.property(binding, binding, fc.constantFrom('ip', 'port', 'destinationId'), (bound, other, part) => {
        const changed = { ...bearer(bound), [part]: bearer(other)[part] }
        fc.pre(String(changed[part]) !== String(bearer(bound)[part]))
        assert.equal(tokens.read(tokens.mintRetry(bound, WALL), changed, WALL).kind, 'invalid-retry')
      }),
    )
  })

  it('cannot be read with bytes moved from the ip to the port or the id', () => {
    const tokens = make()
    const token = tokens.mintRetry({ ...BINDING, retryId: new Uint8Array(9).fill(0x31) }, WALL)
    const shifted = { ...BEARER, ip: `1${BINDING.ip}`, destinationId: new Uint8Array(8).fill(0x31) }
    assert.equal(tokens.read(token, shifted, WALL).kind, 'invalid-retry')
  })

  it('is good for ten seconds, and not before it was made', () => {
    const tokens = make()
    const token = tokens.mintRetry(BINDING, WALL)
    for (const age of [0, 1, RETRY_TOKEN_MS - 1]) assert.equal(tokens.read(token, BEARER, WALL + age).kind, 'retry')
    for (const age of [-1, RETRY_TOKEN_MS, 1e6, 1e15]) {
      assert.equal(tokens.read(token, BEARER, WALL + age).kind, 'invalid-retry')
    }
  })

  it('lives its ten seconds across a change of keys', () => {
    const tokens = make()
    for (let wall = WALL; wall < WALL + 200_000; wall += 1777) {
      const token = tokens.mintRetry(BINDING, wall)
      for (let later = wall; later < wall + RETRY_TOKEN_MS; later += 900) {
        tokens.mintRetry(BINDING, later)
        assert.equal(tokens.read(token, BEARER, later).kind, 'retry')
      }
    }
  })

  it('of another process is invalid, not absent', () => {
    assert.equal(make(2).read(make(1).mintRetry(BINDING, WALL), BEARER, WALL).kind, 'invalid-retry')
    const awake = make(2)
    awake.mintRetry(BINDING, WALL)
    assert.equal(awake.read(make(1).mintRetry(BINDING, WALL), BEARER, WALL).kind, 'invalid-retry')
  })
})

describe('a NEW_TOKEN token', () => {
  it('is good once, from its ip and any port', () => {
    fc.assert(
      fc.property(ip, port, port, fc.nat(NEW_TOKEN_MS - 600_000), (from, first, second, age) => {
        const tokens = make()
        const token = tokens.mintNew(from, WALL)
        const carried = { ip: from, port: first, destinationId: BINDING.originalId }
        assert.equal(tokens.read(token, carried, WALL + age).kind, 'new-token')
        assert.equal(tokens.read(token, carried, WALL + age).kind, 'new-token', 'a look does not use it up')
        tokens.spend(token, from)
        assert.equal(tokens.read(token, { ...carried, port: second }, WALL + age).kind, 'none')
      }),
    )
  })

  it('is as if absent from another ip, and still good from its own', () => {
    const tokens = make()
    const token = tokens.mintNew('192.0.2.1', WALL)
    assert.equal(tokens.read(token, { ...BEARER, ip: '192.0.2.2' }, WALL).kind, 'none')
    assert.equal(tokens.read(token, BEARER, WALL).kind, 'new-token')
  })

  it('is good for a day, ten minutes less or none, and not before it was made', () => {
    const look = (age: number): string => {
      const tokens = make()
      return tokens.read(tokens.mintNew(BINDING.ip, WALL), BEARER, WALL + age).kind
    }
    for (const age of [0, 3_600_000, NEW_TOKEN_MS - 600_000]) assert.equal(look(age), 'new-token')
    for (const age of [-600_000, NEW_TOKEN_MS, 2 * NEW_TOKEN_MS, 1e15]) assert.equal(look(age), 'none')
  })

  it('lives its day across a change of keys, and is used once all the same', () => {
    const tokens = make()
    for (let i = 0, wall = WALL; i < 20; i++, wall += 4_000_000) {
      const token = tokens.mintNew(BINDING.ip, wall)
      const later = wall + NEW_TOKEN_MS - 700_000
      tokens.mintNew(BINDING.ip, later)
      assert.equal(tokens.read(token, BEARER, later).kind, 'new-token')
      tokens.spend(token, BINDING.ip)
      for (const again of [later, later + 1, later + 86_400_000]) {
        tokens.mintNew(BINDING.ip, again)
        assert.equal(tokens.read(token, BEARER, again).kind, 'none')
        assert.equal(tokens.read(token, BEARER, wall).kind, 'none')
      }
    }
  })

  it('is never made twice alike, and does not say when within ten minutes it was made', () => {
    const tokens = make()
    const made = Array.from({ length: 50 }, (_, i) => tokens.mintNew(BINDING.ip, WALL - (WALL % 600_000) + i * 11_000))
    assert.equal(new Set(made.map((token) => Buffer.from(token).toString('hex'))).size, 50)
    for (const token of made) assert.deepEqual(token.subarray(0, 5), made[0]!.subarray(0, 5))
  })

  it('is still good when some network has used all it could get for a day', () => {
    const tokens = new Tokens({ crypto: { ...crypto, hmac: quickMac }, random: new SeededRandom(1) })
    const day = WALL - (WALL % NEW_TOKEN_MS)
    const uses = (from: string, wall: number): boolean => {
      const token = tokens.mintNew(from, wall)
      const isGood = tokens.read(token, { ...BEARER, ip: from }, wall).kind === 'new-token'
      if (isGood) tokens.spend(token, from)
      return isGood
    }
    let used = 0
    for (let unit = 0; unit < 144; unit++) {
      for (let n = 0; n < 500; n++) if (uses(`192.0.2.${n % 256}`, day + unit * 600_000)) used++
    }
    let others = 0
    for (let n = 0; n < 2000; n++) if (uses(`10.${n >> 8}.${n & 255}.1`, day + NEW_TOKEN_MS - 1)) others++
    assert.ok(others >= 1998, `${others} of 2,000 when one network has used ${used}`)
    assert.ok(used >= 144 * 60, 'whoever comes a few times in ten minutes needs no Retry')
  })

  it('of another process is as if absent', () => {
    const other = make(2)
    other.mintNew(BINDING.ip, WALL)
    assert.equal(other.read(make(1).mintNew(BINDING.ip, WALL), BEARER, WALL).kind, 'none')
  })
})

describe('any token', () => {
  const both = (tokens: Tokens): Uint8Array[] => [tokens.mintRetry(BINDING, WALL), tokens.mintNew(BINDING.ip, WALL)]

  it('with any bit flipped is not valid', () => {
    const tokens = make()
    for (const token of both(tokens)) {
      for (let bit = 0; bit < 8 * token.length; bit++) {
        const flipped = token.slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        assert.ok(!isValid(tokens.read(flipped, BEARER, WALL)), `bit ${bit}`)
      }
      assert.ok(isValid(tokens.read(token, BEARER, WALL)))
    }
  })

  it('cut short or made longer is as if absent', () => {
    const tokens = make()
    for (const token of both(tokens)) {
      for (let length = 0; length < token.length; length++) {
        assert.equal(tokens.read(token.subarray(0, length), BEARER, WALL).kind, 'none')
      }
      assert.equal(tokens.read(Uint8Array.of(...token, 0), BEARER, WALL).kind, 'none')
    }
  })

  it('of one kind is not valid as the other', () => {
    const tokens = make()
    for (const token of both(tokens)) {
      const other = token.slice()
      other[0]! ^= 3
      assert.ok(!isValid(tokens.read(other, BEARER, WALL)))
    }
  })

  it('of garbage is not valid and does not throw', () => {
    const tokens = make()
    both(tokens)
    const garbage = fc.tuple(fc.constantFrom(0, 1, 2, 3), fc.uint8Array({ maxLength: 600 }))
    fc.assert(
      fc.property(garbage, fc.uint8Array({ maxLength: 20 }), ([first, rest], destinationId) => {
        assert.ok(!isValid(tokens.read(Uint8Array.of(first, ...rest), { ...BEARER, destinationId }, WALL)))
      }),
    )
  })

  it('costs one MAC to look at, a genuine NEW_TOKEN token two, and none where form or time is wrong', () => {
    let macs = 0
    const hmac: typeof crypto.hmac = (...args) => {
      macs++
      return crypto.hmac(...args)
    }
    const tokens = new Tokens({ crypto: { ...crypto, hmac }, random: new SeededRandom(1) })
    const cost = (token: Uint8Array, wall: number): number => {
      macs = 0
      tokens.read(token, BEARER, wall)
      return macs
    }
    for (const [i, token] of both(tokens).entries()) {
      assert.equal(cost(token, WALL), 1 + i)
      assert.equal(cost(token, WALL), 1 + i)
      const forged = token.slice()
      forged[forged.length - 1]! ^= 1
      assert.equal(cost(forged, WALL), 1)
      assert.equal(cost(token, WALL + 2 * NEW_TOKEN_MS), 0)
      assert.equal(cost(token.subarray(1), WALL), 0)
      assert.equal(cost(new Uint8Array(1000).fill(token[0]!), WALL), 0)
    }
  })
})

describe('the filter of used tokens', () => {
  it('never forgets one and never grows, however many come', () => {
    const used = new UsedTokens()
    used.add(new Uint8Array(16))
    const { bytes } = used
    const random = new SeededRandom(7)
    const first: Uint8Array[] = []
    for (let i = 0; i < 400_000; i++) {
      const mac = new Uint8Array(16)
      random.fill(mac)
      used.add(mac)
      if (i < 1000) first.push(mac)
    }
    assert.ok(first.every((mac) => used.has(mac)))
    assert.equal(used.bytes, bytes)
    assert.ok(bytes <= 128 * 1024)
  })

  it('takes at most one fresh token in fifty for a used one among 100,000', () => {
    const used = new UsedTokens()
    const random = new SeededRandom(8)
    let mistaken = 0
    for (let i = 0; i < 110_000; i++) {
      const mac = new Uint8Array(16)
      random.fill(mac)
      if (i >= 100_000 && used.has(mac)) mistaken++
      used.add(mac)
    }
    assert.ok(mistaken < 200, `${mistaken} of 10,000`)
  })
})
