import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SallyportError } from '../../src/core/errors.ts'
import { AddressBook } from '../../src/core/kademlia/address-book.ts'
import { DialBackoff } from '../../src/core/kademlia/dial-backoff.ts'
import { Dialler } from '../../src/node/phonebook-dialler.ts'
import type { PhonebookTransport } from '../../src/node/phonebook-ports.ts'
import { placeOf } from '../core/kademlia/ids.ts'
import { peer } from '../core/peers/played.ts'

test('what the transport will not dial yet says nothing about the peer: it keeps its address and is dialled when it may be', async () => {
  const book = new AddressBook()
  book.seen(peer(1), placeOf(1), 0)
  let dials = 0
  const transport: Pick<PhonebookTransport, 'connect' | 'peer' | 'hasLeft'> = {
    peer: () => null,
    hasLeft: () => false,
    connect: async () => {
      if (++dials === 1) throw SallyportError.later('DIAL_TOO_SOON', 'not yet', 700)
      return peer(1)
    },
  }
  const dialler = new Dialler({
    transport: transport as PhonebookTransport,
    book,
    backoff: new DialBackoff({ perIp: true }),
    clock: { now: () => 10, wall: () => 10 },
    timeoutMs: 1000,
  })
  assert.deepEqual(await dialler.reach(peer(1)), { kind: 'limited', retryAfterMs: 700 })
  assert.deepEqual(book.dialable(peer(1)), [placeOf(1)])
  assert.deepEqual(await dialler.reach(peer(1)), { kind: 'reached', peerId: peer(1) })
})
