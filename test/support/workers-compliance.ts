// What every implementation of Workers does.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sameBytes, toHex } from '../../src/core/bytes.ts'
import type { Crypto, Work, WorkDone } from '../../src/core/ports.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Identity, Workers } from '../../src/io/ports.ts'

/** Workers under test; `finish` lets work be done while a promise is waited for. */
export interface WorkersUnderTest {
  readonly workers: Workers
  readonly finish: <T>(promise: Promise<T>) => Promise<T>
}

/** The cryptography that the workers do. */
export interface WorkersCryptography {
  readonly crypto: Crypto
  /** Another name, another identity. */
  readonly identity: (name: string) => Promise<Identity>
}

const ONE = await generateIdentity()
const REAL: WorkersCryptography = {
  crypto: await createCrypto(),
  identity: async (name) => (name === 'one' ? ONE : generateIdentity()),
}
const CONTEXT = new Uint8Array(32)

/** The result of a piece of work. */
export const ask = (workers: Workers, work: Work, who: Identity = ONE): Promise<WorkDone> =>
  new Promise((done) => workers.run({ work, identity: who, done }))

/** Not deepEqual: its account of how two large arrays differ takes minutes. */
const assertSame = (actual: Uint8Array, expected: Uint8Array): void => {
  assert.ok(sameBytes(actual, expected), 'the bytes differ')
}

/** Declares the suite's tests for the implementation `make` gives. */
export const workersCompliance = (
  make: () => Promise<WorkersUnderTest>,
  { crypto, identity: identityOf }: WorkersCryptography = REAL,
): void => {
  const identities = identityOf('one')
  it('signs what it verifies, with the key of the identity given', async () => {
    const { workers, finish } = await make()
    const identity = await identities
    const content = new Uint8Array(130).fill(5)
    const signed = await finish(ask(workers, { id: 7, kind: 'sign', content }, identity))
    assert.ok(signed.kind === 'sign')
    assert.equal(signed.id, 7)
    assert.equal(signed.signature.length, 3309)
    const { signature } = signed
    const check = (key: Uint8Array, body: Uint8Array): Promise<WorkDone> =>
      finish(ask(workers, { id: 8, kind: 'verify', key, content: body, signature }, identity))
    assert.deepEqual(await check(identity.publicKey, content), { id: 8, kind: 'verify', valid: true })
    assert.deepEqual(await check(identity.publicKey, content.subarray(1)), { id: 8, kind: 'verify', valid: false })
    const other = await identityOf('other')
    assert.deepEqual(await check(other.publicKey, content), { id: 8, kind: 'verify', valid: false })
    await workers.close()
  })

  it('answers a signature or key of the wrong form as not valid', async () => {
    const { workers, finish } = await make()
    const identity = await identities
    const content = Uint8Array.of(1)
    for (const [key, signature] of [
      [new Uint8Array(0), new Uint8Array(0)],
      [new Uint8Array(1952).fill(255), new Uint8Array(3309)],
      [identity.publicKey, new Uint8Array(10)],
      [identity.publicKey.subarray(1), new Uint8Array(3309)],
    ] as const) {
      const result = await finish(ask(workers, { id: 1, kind: 'verify', key, content, signature }, identity))
      assert.deepEqual(result, { id: 1, kind: 'verify', valid: false })
    }
    await workers.close()
  })

  it('seals a chunk that it opens and names again', async () => {
    const { workers, finish } = await make()
    const identity = await identities
    const text = new Uint8Array(100_000).fill(3)
    const sealed = await finish(
      ask(workers, { id: 1, kind: 'seal-chunk', plaintext: text.slice(), context: CONTEXT }, identity),
    )
    assert.ok(sealed.kind === 'seal-chunk')
    const { stored, address, contentHash } = sealed
    assert.equal(stored.length, text.length + 16)
    assert.equal(toHex(address), toHex(crypto.hash('blake3', stored)))
    assert.equal(toHex(contentHash), toHex(crypto.hash('blake3', text)))
    const named = await finish(ask(workers, { id: 2, kind: 'hash-chunk', stored: stored.slice() }, identity))
    assert.deepEqual(named, { id: 2, kind: 'hash-chunk', address, stored })
    const open = { id: 3, kind: 'open-chunk', address, contentHash, context: CONTEXT } as const
    const opened = await finish(ask(workers, { ...open, stored: stored.slice() }, identity))
    assert.ok(opened.kind === 'open-chunk' && opened.plaintext !== null)
    assertSame(opened.plaintext, text)
    const changed = stored.slice()
    changed[5] = (changed[5] ?? 0) ^ 1
    assert.deepEqual(await finish(ask(workers, { ...open, stored: changed }, identity)), {
      id: 3,
      kind: 'open-chunk',
      plaintext: null,
    })
    await workers.close()
  })

  it('takes a chunk that is part of a larger buffer without harm to the rest', async () => {
    const { workers, finish } = await make()
    const identity = await identities
    const buffer = new Uint8Array(5000).fill(1)
    const part = buffer.subarray(1000, 3000)
    const named = await finish(ask(workers, { id: 1, kind: 'hash-chunk', stored: part }, identity))
    assert.ok(named.kind === 'hash-chunk')
    assert.equal(toHex(named.address), toHex(crypto.hash('blake3', new Uint8Array(2000).fill(1))))
    assert.equal(buffer.length, 5000)
    await workers.close()
  })

  it('answers in a later turn, once each, however many are asked at once', async () => {
    const { workers, finish } = await make()
    const identity = await identities
    let answers = 0
    let inside = true
    const all: Promise<void>[] = []
    for (let id = 0; id < 60; id++) {
      const work: Work =
        id % 2 === 0
          ? { id, kind: 'sign', content: Uint8Array.of(id) }
          : { id, kind: 'hash-chunk', stored: new Uint8Array(id) }
      const answered = new Promise<void>((resolve) => {
        const done = (result: WorkDone): void => {
          assert.equal(inside, false)
          assert.equal(result.id, id)
          assert.equal(result.kind, work.kind)
          answers++
          resolve()
        }
        workers.run({ work, identity, done })
      })
      all.push(answered)
    }
    inside = false
    assert.equal(workers.depth(), 30)
    await finish(Promise.all(all))
    assert.equal(answers, 60)
    assert.equal(workers.lateness(), 0)
    assert.equal(workers.depth(), 0)
    await workers.close()
  })

  it('answers `failed` when it cannot do the work, and goes on', async () => {
    const { workers, finish } = await make()
    const identity = await identities
    const broken: Identity = {
      ...identity,
      peerId: (await identityOf('another')).peerId,
      privateKey: new Uint8Array(54),
    }
    const failed = await finish(ask(workers, { id: 4, kind: 'sign', content: new Uint8Array(1) }, broken))
    assert.equal(failed.kind, 'failed')
    assert.equal(failed.id, 4)
    const signed = await finish(ask(workers, { id: 5, kind: 'sign', content: new Uint8Array(1) }, identity))
    assert.equal(signed.kind, 'sign')
    await workers.close()
  })

  it('answers `failed` to everything unfinished and everything later when it is closed', async () => {
    const { workers, finish } = await make()
    const identity = await identities
    const unfinished = Array.from({ length: 300 }, (_, id) =>
      ask(workers, { id, kind: 'sign', content: new Uint8Array(1) }, identity),
    )
    await Promise.all([workers.close(), workers.close()])
    const results = await finish(Promise.all(unfinished))
    assert.ok(results.filter(({ kind }) => kind === 'failed').length > 200)
    let inside = true
    const later = new Promise<WorkDone>((resolve) => {
      const done = (result: WorkDone): void => {
        assert.equal(inside, false)
        resolve(result)
      }
      workers.run({ work: { id: 9, kind: 'hash-chunk', stored: new Uint8Array(1) }, identity, done })
    })
    inside = false
    assert.equal((await finish(later)).kind, 'failed')
  })
}
