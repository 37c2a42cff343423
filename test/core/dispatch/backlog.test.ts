import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Backlog } from '../../../src/core/dispatch/backlog.ts'

test('so many bytes wait and no more, but where nothing does anything may', () => {
  const backlog = new Backlog(100)
  assert.ok(backlog.free(['a'], 500))
  const handled = backlog.add(['a'], 60)
  assert.ok(backlog.free(['b'], 20))
  assert.equal(backlog.free(['b'], 41), false)
  handled()
  assert.equal(backlog.bytes, 0)
  assert.ok(backlog.free(['a'], 500))
  assert.throws(handled, /handled once/)
})

test('whoever lets much wait leaves a part to others', () => {
  const backlog = new Backlog(1000)
  for (const region of ['a', 'b', 'c']) {
    const path = [region, `${region}.1`, `${region}.1.1`]
    while (backlog.free(path, 10)) backlog.add(path, 10)
    assert.ok(backlog.free([`other than ${region}`], 40))
  }
  assert.ok(backlog.bytes > 800)
})
