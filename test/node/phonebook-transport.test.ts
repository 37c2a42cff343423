import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '../../src/core/ids.ts'
import { findNodeRequest } from '../../src/core/messages/find-node.ts'
import type { TransportSurface } from '../../src/node/phonebook-transport.ts'
import { phonebookTransport } from '../../src/node/phonebook-transport.ts'
import { placeOf, randomId, seededNumbers } from '../core/kademlia/ids.ts'

const random = seededNumbers(1)
const [A, B, C] = [randomId(random), randomId(random), randomId(random)]
const until = { timeoutMs: 1000, signal: new AbortController().signal }

const surface = (changes: Partial<TransportSurface>): TransportSurface => ({
  connectPeer: () => Promise.resolve({ peerId: A }),
  peer: () => null,
  request: () => Promise.resolve({ status: 0, payload: new Uint8Array(0) }),
  hold: () => null,
  ...changes,
})

test('connections kept are held once and released when they are no longer named', () => {
  const held: PeerId[] = []
  const hold = (peer: PeerId) => {
    held.push(peer)
    return () => void held.splice(held.indexOf(peer), 1)
  }
  const transport = phonebookTransport(surface({ hold }))
  transport.keep([A, B])
  transport.keep([B, C])
  assert.deepEqual(held, [B, C])
  transport.keep([])
  assert.deepEqual(held, [])
})

test('a hold that is not granted is asked for again the next time', () => {
  let asked = 0
  const transport = phonebookTransport(surface({ hold: () => (asked++, null) }))
  transport.keep([A])
  transport.keep([A])
  assert.equal(asked, 2)
})

test('the fields of a header become options of the request, absent ones none', async () => {
  const seen: unknown[] = []
  const request: TransportSurface['request'] = (peer, protocol, payload, options) => {
    seen.push([peer, protocol, payload.length, options])
    return Promise.resolve({ status: 3, payload })
  }
  const transport = phonebookTransport(surface({ request }))
  const target = new Uint8Array(32)
  const answer = await transport.request(A, findNodeRequest(target, 5), { ...until, payload: new Uint8Array(7) })
  await transport.request(B, { protocol: '/x', target: null, count: null }, { ...until, payload: new Uint8Array(0) })
  assert.equal(answer.status, 3)
  assert.deepEqual(seen, [
    [A, '/sallyport/find-node/1', 7, { ...until, target, count: 5 }],
    [B, '/x', 0, until],
  ])
  assert.equal(await transport.connect({ address: placeOf(1), peerId: A }, until), A)
})
