import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf, hmac } from '../../src/io/hmac.ts'

const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength, size: 'max' })
const name = fc.constantFrom('sha256' as const, 'sha384' as const)

test('HMAC is that of node:crypto for every length of key and message', () => {
  fc.assert(
    fc.property(name, bytes(150), bytes(600), (hash, key, data) => {
      assert.deepEqual(Buffer.from(hmac(hash, key, data)), createHmac(hash, key).update(data).digest())
    }),
  )
})

test('a digest and a code are in memory of their own, and what they were made of is unchanged', () => {
  fc.assert(
    fc.property(name, bytes(64), bytes(64), (hash, key, data) => {
      const [keyBefore, dataBefore] = [key.slice(), data.slice()]
      const [code, digest] = [hmac(hash, key, data), digestOf(hash, data)]
      const codeBefore = code.slice()
      hmac(hash, digest, code)
      assert.deepEqual(code, codeBefore)
      assert.deepEqual(Buffer.from(digest), createHash(hash).update(data).digest())
      assert.deepEqual([key, data], [keyBefore, dataBefore])
    }),
  )
})
