import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Alpn } from '../../interop/peer.ts'
import { answerTo, dialectOf, digestOf } from '../../interop/ours/exchange.ts'
import { huffmanDecoded } from '../../interop/ours/huffman.ts'
import { readRequest, requestSection } from '../../interop/ours/qpack.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
const utf8 = new TextEncoder()

describe('a little HTTP/3', () => {
  // RFC 7541 sections C.4 and C.6.
  test('reads the Huffman-coded strings of the RFC', () => {
    assert.equal(huffmanDecoded(hex('f1e3c2e5f23a6ba0ab90f4ff')), 'www.example.com')
    assert.equal(huffmanDecoded(hex('a8eb10649cbf')), 'no-cache')
    assert.equal(huffmanDecoded(hex('9d29ad171863c78f0b97c8e9ae82ae43d3')), 'https://www.example.com')
    assert.equal(huffmanDecoded(hex('6402')), '302')
  })

  test('refuses padding that is none, and characters that are no ASCII', () => {
    assert.equal(huffmanDecoded(hex('64')), null)
    assert.equal(huffmanDecoded(hex('ffffffff')), null)
  })

  test('reads what a request of ours says, and one whose path is Huffman-coded', () => {
    assert.deepEqual(readRequest(requestSection('GET', '/1000.bin')), { method: 'GET', path: '/1000.bin' })
    assert.deepEqual(readRequest(requestSection('POST', '/upload')), { method: 'POST', path: '/upload' })
    // :method GET, then :path by name reference with "302" coded in two bytes.
    assert.deepEqual(readRequest(hex('0000d151826402')), { method: 'GET', path: '302' })
    assert.equal(readRequest(hex('000010')), null)
  })
})

describe('the exchange', () => {
  for (const alpn of ['hq-interop', 'h3'] satisfies Alpn[]) {
    const dialect = dialectOf(alpn)

    test(`reads in ${alpn} what was written in it`, () => {
      for (const request of [
        { method: 'GET', path: '/12', body: new Uint8Array(0) },
        { method: 'PUT', path: '/upload', body: utf8.encode('body\r\nof two lines') },
      ] as const) {
        const read = dialect.readRequest(dialect.request(request))
        assert.deepEqual({ ...read, body: Uint8Array.from(read?.body ?? []) }, request)
      }
      assert.deepEqual(
        Uint8Array.from(dialect.readAnswer(dialect.answer(utf8.encode('done'))) ?? []),
        utf8.encode('done'),
      )
    })
  }

  test('reads no request and no answer out of a torn frame', () => {
    const { request, readRequest: read, answer, readAnswer } = dialectOf('h3')
    const whole = request({ method: 'GET', path: '/12', body: new Uint8Array(0) })
    assert.equal(read(whole.subarray(0, -1)), null)
    assert.equal(readAnswer(answer(utf8.encode('done')).subarray(0, -1)), null)
    assert.equal(dialectOf('hq-interop').readRequest(utf8.encode('DELETE /\r\n')), null)
  })

  test('answers with bytes, with a digest, or with the end', () => {
    const body = new Uint8Array(0)
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 251)
    assert.deepEqual(answerTo({ method: 'GET', path: '/300', body }), { kind: 'body', body: bytes })
    assert.deepEqual(answerTo({ method: 'PUT', path: '/upload', body: bytes }), {
      kind: 'body',
      body: utf8.encode(digestOf(bytes)),
    })
    assert.deepEqual(answerTo({ method: 'GET', path: '/close/43', body }), { kind: 'close', code: 43 })
    assert.deepEqual(answerTo({ method: 'GET', path: '/index.html', body }), { kind: 'unknown' })
  })
})
