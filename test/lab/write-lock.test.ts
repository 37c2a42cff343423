// The modelled lock: what the control experiments rest on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Figures } from '../../src/lab/strategies/figures.ts'
import { WriteLock } from '../../src/lab/strategies/write-lock.ts'

test('a lock is had by one at a time, in the order of asking, and its line is noted', () => {
  const figures = new Figures()
  const lock = new WriteLock(figures)
  const had: string[] = []
  for (const name of ['a', 'b', 'c']) lock.take(1, (now) => had.push(`${name} at ${now}`))
  assert.deepEqual(had, ['a at 1'])
  lock.release(2)
  lock.release(3)
  assert.deepEqual(had, ['a at 1', 'b at 2', 'c at 3'])
  assert.equal(figures.queueDepth, 2)
  lock.release(4)
  assert.throws(() => lock.release(5))
})

test('ten thousand in line that release at once are served in one turn, without depth of the stack', () => {
  const lock = new WriteLock(new Figures())
  let served = 0
  lock.take(0, () => {})
  for (let n = 0; n < 10_000; n++) {
    lock.take(0, (now) => {
      served++
      lock.release(now)
    })
  }
  lock.release(7)
  assert.equal(served, 10_000)
})

test('who asks while the line is served stands behind it', () => {
  const lock = new WriteLock(new Figures())
  const had: string[] = []
  lock.take(0, () => {})
  lock.take(0, (now) => {
    had.push('first')
    lock.release(now)
    lock.take(now, () => had.push('again'))
  })
  lock.take(0, (now) => {
    had.push('second')
    lock.release(now)
  })
  lock.release(1)
  assert.deepEqual(had, ['first', 'second', 'again'])
})
