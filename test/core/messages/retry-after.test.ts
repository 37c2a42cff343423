import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RETRY_AFTER_MS_MAX, retryAfterOf, retryAfterReason } from '../../../src/core/messages/retry-after.ts'

test('when to come back is read as it was said, and never as more than an hour', () => {
  fc.assert(
    fc.property(fc.nat(999_999_999), (ms) => {
      assert.equal(retryAfterOf(retryAfterReason(ms)), Math.min(ms, RETRY_AFTER_MS_MAX))
    }),
  )
  assert.equal(retryAfterReason(null), '')
})

test('any other reason says nothing of it', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/^retryAfterMs=\d{1,9}$/.test(text))
      assert.equal(retryAfterOf(text), null)
    }),
  )
  for (const text of ['retryAfterMs=', 'retryAfterMs=-1', 'retryAfterMs=1e3', 'retryAfterMs=1 ', ' retryAfterMs=1']) {
    assert.equal(retryAfterOf(text), null, text)
  }
  assert.equal(retryAfterOf('retryAfterMs=9999999999'), null)
})
