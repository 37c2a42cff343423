import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatLink, parseLink } from '../../../src/core/chunks/link.ts'
import { chunkAddressOf } from '../../../src/core/ids.ts'

const id = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('a link that was written is read as the same', () => {
  fc.assert(
    fc.property(id, id, fc.constantFrom('file' as const, 'directory' as const), (address, contentHash, kind) => {
      const link = { kind, address: chunkAddressOf(address), contentHash }
      assert.deepEqual(parseLink(formatLink(link)), link)
    }),
  )
})

test('anything but the one form of a link is refused', () => {
  const good = formatLink({
    kind: 'file',
    address: chunkAddressOf(new Uint8Array(32)),
    contentHash: new Uint8Array(32).fill(0xab),
  })
  assert.notEqual(parseLink(good), null)
  const bad = [
    '',
    ' ',
    good.toUpperCase(),
    ` ${good}`,
    `${good} `,
    `${good}\n`,
    good.slice(0, -1),
    `${good}0`,
    `${good}//`,
    `${good}/.`,
  ]
  for (const text of [...bad, good.replace('#', ''), good.replace('sallyport:', ''), good.replace('ab', 'AB')]) {
    assert.equal(parseLink(text), null, text)
  }
})

test('reading a link never throws', () => {
  fc.assert(fc.property(fc.string(), (text) => assert.equal(parseLink(text), null)))
})
