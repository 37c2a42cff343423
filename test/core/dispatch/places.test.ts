import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Places } from '../../../src/core/dispatch/places.ts'

test('each key has its own places, and one given back is free again', () => {
  const places = new Places<string>(2)
  places.take('a')
  places.take('a')
  assert.equal(places.free('a'), false)
  assert.equal(places.free('b'), true)
  assert.throws(() => places.take('a'))
  places.give('a')
  assert.equal(places.of('a'), 1)
  places.give('a')
  assert.equal(places.of('a'), 0)
  assert.throws(() => places.give('a'))
})
