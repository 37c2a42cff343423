import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  HEADER_BYTES,
  RECORD_BYTES,
  decodeUploadRecord,
  encodePlacedRecord,
  encodeUploadHeader,
} from '../../../src/core/chunks/upload-record.ts'
import type { UploadRecord } from '../../../src/core/chunks/upload-record.ts'
import { concat } from '../../../src/core/bytes.ts'
import { peerIdOf } from '../../../src/core/ids.ts'
import { createCrypto } from '../../../src/io/crypto.ts'

const crypto = await createCrypto()
const id = fc.uint8Array({ minLength: 32, maxLength: 32 })
const peer = id.filter((bytes) => bytes.some((byte) => byte !== 0)).map(peerIdOf)
const placed = fc.record({
  index: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  entry: fc.record({ address: id, contentHash: id, size: fc.integer({ min: 1, max: 4 * 1024 * 1024 }) }),
  holders: fc.array(peer, { maxLength: 4 }),
})
const record = fc
  .record({ context: id, begunMs: fc.nat({ max: 2 ** 45 }), placed: fc.array(placed, { maxLength: 6 }) })
  .map(({ context, begunMs, placed }): UploadRecord => ({
    context,
    begunMs,
    placed: placed.map(({ index, entry, holders }) => ({ index, entry: { ...entry }, holders })),
  }))

const encode = ({ context, begunMs, placed }: UploadRecord): Uint8Array =>
  concat(
    encodeUploadHeader(crypto, { context, begunMs }),
    ...placed.map((one) => encodePlacedRecord(crypto, context, one)),
  )

test('what was written down of an upload is read as the same', () => {
  fc.assert(fc.property(record, (record) => assert.deepEqual(decodeUploadRecord(crypto, encode(record)), record)))
})

test('a file that was cut short ends with the last record that is whole', () => {
  fc.assert(
    fc.property(record, fc.nat(), (record, cut) => {
      const bytes = encode(record)
      const length = cut % bytes.length
      const read = decodeUploadRecord(crypto, bytes.subarray(0, length))
      if (length < HEADER_BYTES) return assert.equal(read, null)
      const whole = Math.floor((length - HEADER_BYTES) / RECORD_BYTES)
      assert.deepEqual(read, { ...record, placed: record.placed.slice(0, whole) })
    }),
  )
})

test('a byte that changed ends what is read before it, and garbage is nothing', () => {
  fc.assert(
    fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (record, place, change) => {
      const bytes = encode(record)
      const at = place % bytes.length
      bytes[at]! ^= change
      const read = decodeUploadRecord(crypto, bytes)
      if (at < HEADER_BYTES) return assert.equal(read, null)
      const whole = Math.floor((at - HEADER_BYTES) / RECORD_BYTES)
      assert.deepEqual(read, { ...record, placed: record.placed.slice(0, whole) })
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => assert.equal(decodeUploadRecord(crypto, bytes), null)),
  )
})

test('a record of another upload does not count', () => {
  fc.assert(
    fc.property(record, id, (record, context) => {
      fc.pre(record.placed.length > 0 && record.context.some((byte, at) => byte !== context[at]))
      const foreign = encode({ ...record, context }).subarray(HEADER_BYTES)
      const bytes = concat(encodeUploadHeader(crypto, record), foreign)
      assert.deepEqual(decodeUploadRecord(crypto, bytes), { ...record, placed: [] })
    }),
  )
})
