// What liars among the peers can do to a lookup by what they answer: nothing but cost it a little time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import type { PeerId } from '../../src/core/ids.ts'
import { peerIdOf } from '../../src/core/ids.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import type { PeerRecord } from '../../src/core/messages/find-node.ts'
import { encodeRecords } from '../../src/core/messages/find-node.ts'
import { placeOf } from '../core/kademlia/ids.ts'
import type { Member } from './phonebook-network.ts'
import { SimulatedNetwork } from './phonebook-network.ts'

/** A network at public addresses, where dials to a host are counted. */
const networkOf = async (seed: number, size: number): Promise<SimulatedNetwork> => {
  const network = new SimulatedNetwork(seed)
  for (let n = 0; n < size; n++) {
    const member = network.add({ address: placeOf(n) })
    await network.clock.until(member.phonebook.join(n === 0 ? [] : [network.members[0]!.peerAddress]))
  }
  return network
}

const randomBytes = (network: SimulatedNetwork): Uint8Array => {
  const bytes = new Uint8Array(32)
  network.random.fill(bytes)
  return bytes
}

/** Whoever is asked by that member lies from now on: these records to every question. */
const lie = (member: Member, records: readonly PeerRecord[]): void => {
  const answer = { status: STATUS.ok, payload: encodeRecords(records), reason: null, retryAfterMs: null, outcome: null }
  member.answerInstead = () => answer
}

interface Scene {
  readonly network: SimulatedNetwork
  readonly target: PeerId
  /** The twenty closest to the target, who are honest. */
  readonly closest: readonly Member[]
  readonly liars: readonly Member[]
}

/** Fifty nodes, of which one in six lies about the twenty closest to a target, which are honest. */
const scene = async (seed: number): Promise<Scene> => {
  const network = await networkOf(seed, 50)
  const target = peerIdOf(randomBytes(network))
  const closest = network.trueClosest(target, 20).map((id) => network.members.find(({ peerId }) => peerId === id)!)
  const others = network.members.filter((member) => !closest.includes(member))
  return { network, target, closest, liars: others.filter((_, n) => n % 3 === 2) }
}

/** What a newcomer, who joins through an honest node, finds at the target. */
const find = async ({ network, target }: Scene): Promise<readonly PeerId[]> => {
  const client = network.add({ capability: 'client', address: placeOf(1000) })
  await network.clock.until(client.phonebook.join([network.members[0]!.peerAddress]))
  return network.clock.until(client.phonebook.lookup(target))
}

/** Every one of the seven closest is found, whatever the liars of that world do. */
const assertFound = async (world: Scene): Promise<void> => {
  const found = await find(world)
  const nearest = world.closest.slice(0, 7).map(({ peerId }) => peerId)
  assert.deepEqual(found.slice(0, 7), nearest)
  for (const { phonebook } of world.network.members) void phonebook.close()
}

const SEEDS = [42, 45]

test('liars who name made-up peers at honest addresses do not keep the honest out of a lookup', async () => {
  for (const seed of SEEDS) {
    const world = await scene(seed)
    const made = (): PeerId => peerIdOf(randomBytes(world.network))
    for (const liar of world.liars) {
      const records = world.closest.map(({ address }) => ({ peerId: made(), addresses: [address], ageMs: 0 }))
      lie(liar, records)
    }
    await assertFound(world)
  }
})

/** Eight places where nobody is, others for each number. */
const nowhere = (about: number): Address[] => Array.from({ length: 8 }, (_, n) => placeOf(2000 + 8 * about + n))

test('liars who name honest peers at places where nobody is, the same or each others, do not keep them out of a lookup', async () => {
  for (const seed of SEEDS) {
    for (const together of [true, false]) {
      const world = await scene(seed)
      for (const [i, liar] of world.liars.entries()) {
        const records = world.closest.map(({ peerId }, n) => ({
          peerId,
          addresses: nowhere(together ? n : 20 * i + n),
          ageMs: 0,
        }))
        lie(liar, records)
      }
      await assertFound(world)
    }
  }
})
