import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backlog } from '../../../src/core/dispatch/backlog.ts'

test('so many bytes wait and no more, but where nothing does anything may', () => {
  const backlog = new Backlog(100)
  assert.ok(backlog.free(500))
  backlog.add(60)
  assert.ok(backlog.free(40))
  assert.equal(backlog.free(41), false)
  backlog.add(-60)
  assert.ok(backlog.free(500))
  assert.throws(() => backlog.add(-1), /no more is handled than waited/)
})
