// What a message in assembly makes this node keep.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Assembly } from '../../../src/core/dispatch/assembly.ts'
import { decodeMessageHeader, encodeMessageHeader } from '../../../src/core/messages/requests.ts'

const HEADER = encodeMessageHeader({ protocol: '/a/1' })

test('however a payload is cut, it is put together in a buffer of at most twice the bytes that came', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(cuts, (sizes) => {
      const assembly = new Assembly(decodeMessageHeader, 100_000)
      assembly.receive(HEADER)
      const payload = Uint8Array.from({ length: sizes.reduce((sum, size) => sum + size, 0) }, (_, i) => i % 251)
      let at = 0
      for (const size of sizes) {
        assert.equal(assembly.receive(payload.subarray(at, at + size)), 'payload')
        at += size
        assert.ok((assembly.finish()?.buffer.byteLength ?? Infinity) <= 2 * at)
      }
      assert.deepEqual(assembly.finish(), payload)
    }),
  )
})
