// The identity file: made once, private, never replaced, and refused when it is not intact.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { createCrypto } from '../../src/io/crypto.ts'
import { ensureIdentity, generateIdentity, IDENTITY_FILE, readIdentity, resetSecret } from '../../src/io/identity.ts'
import { createPerform } from '../../src/io/perform.ts'
import { loadBlake3 } from '../../src/io/blake3.ts'

const made: string[] = []
const fresh = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-identity-'))
  made.push(directory)
  return join(directory, 'data')
}
after(async () => {
  for (const directory of made) await rm(directory, { recursive: true, force: true })
})

const DAMAGED = { name: 'SallyportError', code: 'IDENTITY_DAMAGED' }
const posix = { skip: process.platform === 'win32' }

describe('an identity', () => {
  it('is an ML-DSA-65 key pair named by the BLAKE3 of its public key', async () => {
    const identity = await generateIdentity()
    const crypto = await createCrypto()
    assert.equal(identity.publicKey.length, 1952)
    assert.equal(identity.peerId, crypto.peerId(identity.publicKey))
    assert.notEqual(identity.peerId, (await generateIdentity()).peerId)
  })
})

describe('the identity file', () => {
  it('is made once and read ever after, with a key that signs', async () => {
    const directory = await fresh()
    const first = await ensureIdentity(directory)
    const again = await ensureIdentity(directory)
    assert.deepEqual(again, first)
    assert.deepEqual(await readIdentity(directory), first)
    const perform = createPerform(await loadBlake3())
    const content = Uint8Array.of(1, 2, 3)
    const signed = perform({ id: 1, kind: 'sign', content }, again)
    assert.ok(signed.kind === 'sign')
    const verified = perform(
      { id: 2, kind: 'verify', key: first.publicKey, content, signature: signed.signature },
      null,
    )
    assert.deepEqual(verified, { id: 2, kind: 'verify', valid: true })
  })

  it('gives the same secret for stateless resets whenever it is read, and another than any other identity', async () => {
    const directory = await fresh()
    const secret = resetSecret(await ensureIdentity(directory))
    assert.equal(secret.length, 32)
    assert.deepEqual(resetSecret(await ensureIdentity(directory)), secret)
    assert.notDeepEqual(resetSecret(await generateIdentity()), secret)
  })

  it('is private, and so is the directory', posix, async () => {
    const directory = await fresh()
    await ensureIdentity(directory)
    assert.equal((await stat(directory)).mode & 0o777, 0o700)
    assert.equal((await stat(join(directory, IDENTITY_FILE))).mode & 0o777, 0o600)
    assert.deepEqual(await readdir(directory), [IDENTITY_FILE])
  })

  it('is not made by reading', async () => {
    const directory = await fresh()
    assert.equal(await readIdentity(directory), null)
    await assert.rejects(stat(directory), { code: 'ENOENT' })
  })

  it('is the same for all who make it at once', async () => {
    const directory = await fresh()
    const all = await Promise.all(Array.from({ length: 8 }, () => ensureIdentity(directory)))
    assert.equal(new Set(all.map(({ peerId }) => peerId)).size, 1)
    assert.deepEqual(await readdir(directory), [IDENTITY_FILE])
  })

  it('is refused when damaged, naming the path, and left as it is', async () => {
    const directory = await fresh()
    await ensureIdentity(directory)
    const path = join(directory, IDENTITY_FILE)
    const good = await readFile(path, 'latin1')
    const body = good.indexOf('\n', good.indexOf('BEGIN')) + 50
    const flipped = good.slice(0, body) + (good[body] === 'A' ? 'B' : 'A') + good.slice(body + 1)
    const named = good.replace(/^PeerId: ./, (line) => line.slice(0, -1) + (line.endsWith('0') ? '1' : '0'))
    const curve = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
    for (const bad of ['', 'garbage', good.slice(0, good.length / 2), flipped, named, curve]) {
      await writeFile(path, bad)
      await assert.rejects(
        ensureIdentity(directory),
        (error: Error) =>
          error.message.includes(path) &&
          Object.entries(DAMAGED).every(([key, value]) => Reflect.get(error, key) === value),
      )
      await assert.rejects(readIdentity(directory), DAMAGED)
      assert.equal(await readFile(path, 'latin1'), bad)
    }
    await writeFile(path, good)
    await ensureIdentity(directory)
  })

  it('is refused when others can read it, with the remedy', posix, async () => {
    const directory = await fresh()
    await ensureIdentity(directory)
    for (const mode of [0o640, 0o604]) {
      await chmod(join(directory, IDENTITY_FILE), mode)
      await assert.rejects(readIdentity(directory), { ...DAMAGED, message: /chmod 600/ })
    }
  })

  it('is read in either form, the seed alone and the expanded key, as they are without a PeerId line', async () => {
    const directory = await fresh()
    const { peerId } = await ensureIdentity(directory)
    const path = join(directory, IDENTITY_FILE)
    for (const { pem, id } of FORMS) {
      await writeFile(path, pem)
      assert.equal((await readIdentity(directory))?.peerId, id)
      assert.notEqual(id, peerId)
    }
  })

  it('says which path cannot be used when the directory is a file', async () => {
    const directory = await fresh()
    await writeFile(directory, '')
    await assert.rejects(ensureIdentity(directory), { name: 'SallyportError' })
  })
})

/** One key in both forms, made for this test alone: as Node 26 writes it and as Node 24 does. */
const FORMS = await (async () => {
  const text = await readFile(new URL('identity-forms.json', import.meta.url), 'utf8')
  return JSON.parse(text) as { id: string; pem: string }[]
})()
