// docs/protocol.md and the code agree: every vector of the page is what the codecs write, and nothing on the page is anything else.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { toHex } from '../../../src/core/bytes.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import { chunkGetRequest } from '../../../src/core/messages/chunks.ts'
import * as codes from '../../../src/core/messages/codes.ts'
import { encodeControl } from '../../../src/core/messages/control.ts'
import { encodeRecords, findNodeRequest } from '../../../src/core/messages/find-node.ts'
import { encodeRequestHeader, encodeResponseHeader } from '../../../src/core/messages/requests.ts'

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')

test('the vectors of docs/protocol.md are what the codecs write, all of them and in order', () => {
  const address = { family: 4, ip: '192.0.2.1', port: 9000 } as const
  const target = new Uint8Array(32).fill(0x11)
  const plain = { reason: null, retryAfterMs: null, outcome: null }
  const expected = [
    encodeControl({
      kind: 'hello',
      hello: {
        version: codes.PROTOCOL_VERSION,
        userAgent: 'sallyport/0.1.0',
        incarnation: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
        capability: 'node',
        addresses: [address],
        observed: { family: 6, ip: '2001:db8::1', port: 9001 },
      },
    }),
    encodeControl({ kind: 'hello-ack' }),
    encodeControl({ kind: 'ping', token: 1000 }),
    encodeControl({ kind: 'pong', token: 1000 }),
    encodeControl({ kind: 'addresses', addresses: [address] }),
    encodeControl({ kind: 'goaway', reason: codes.CLOSE.overloaded, retryAfterMs: 5000 }),
    encodeRequestHeader(findNodeRequest(target)),
    encodeRequestHeader(chunkGetRequest(chunkAddressOf(target))),
    encodeResponseHeader({ ...plain, status: codes.STATUS.ok }),
    encodeResponseHeader({ ...plain, status: codes.STATUS.ok, outcome: 1 }),
    encodeResponseHeader({ ...plain, status: codes.STATUS.refused, reason: 'full' }),
    encodeResponseHeader({ ...plain, status: codes.STATUS.busy, retryAfterMs: 5000 }),
    encodeRecords([{ peerId: peerIdOf(target), addresses: [address], ageMs: 1000 }]),
  ].map(toHex)
  const section = page.slice(page.indexOf('## Vectors'))
  assert.deepEqual(section.match(/^[0-9a-f]{8,}$/gm), expected)
})

test('the page names every protocol, status, stream code and close code', () => {
  for (const protocol of Object.values(codes.PROTOCOL)) assert.ok(page.includes(`\`${protocol}\``), protocol)
  for (const code of Object.values(codes.STREAM)) assert.ok(page.includes(`0x${code.toString(16)}`))
  for (const [name, code] of Object.entries(codes.CLOSE)) {
    const written = name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
    assert.match(page, new RegExp(`\\| ${code} \\| ${written}`))
  }
  for (const status of Object.values(codes.STATUS)) assert.match(page, new RegExp(`^\\| ${status} \\| `, 'm'))
})
