// Re-replication by itself: that chunks come to be where they belong, and that it stays within its bounds however many nodes leave.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { closeGroup } from '../../../src/core/chunks/closeness.ts'
import { Replication } from '../../../src/core/chunks/replication.ts'
import { REPLICATION_LIMITS } from '../../../src/core/chunks/replication-limits.ts'
import type { ReplicationOutput } from '../../../src/core/chunks/replication.ts'
import { chunkAddressOf, peerIdOf } from '../../../src/core/ids.ts'
import type { ChunkAddress } from '../../../src/core/ids.ts'
import { ReplicationNetwork } from './replication-network.ts'
import type { Manner } from './replication-network.ts'

const MANNERS: readonly Manner[] = ['good', 'good', 'good', 'good', 'full', 'moody', 'busy']

/** A settled network of so many nodes, every chunk where it belongs. */
const settled = (seed: number, nodes: number, chunks: number, manners: readonly Manner[] = ['good']) => {
  const network = new ReplicationNetwork(seed)
  for (let n = 0; n < nodes; n++) network.add(manners[n % manners.length]!)
  const addresses = Array.from({ length: chunks }, () => network.chunk())
  network.settle(3_600_000)
  return { network, addresses }
}

const holdersOf = (network: ReplicationNetwork, address: ChunkAddress): number =>
  network.nodes.filter(({ holds, up }) => up && holds.has(address)).length

describe('re-replication', () => {
  test('brings every chunk to its close group again, whoever leaves and joins, and however peers take it', () => {
    const cases = fc.record({
      seed: fc.nat(),
      nodes: fc.integer({ min: 9, max: 30 }),
      leaving: fc.integer({ min: 0, max: 6 }),
      joining: fc.integer({ min: 0, max: 6 }),
    })
    fc.assert(
      fc.property(cases, ({ seed, nodes, leaving, joining }) => {
        const { network, addresses } = settled(seed, nodes, 12, MANNERS)
        for (let n = 0; n < leaving; n++) network.nodes[network.random.below(nodes)]!.up = false
        for (let n = 0; n < joining; n++) network.add('good')
        network.tellChange()
        network.settle(3_600_000)
        const left = addresses.filter((address) => network.nodes.some(({ up, holds }) => up && holds.has(address)))
        for (const address of left) {
          // A moody peer that failed is passed over for a while: the next closest holds the chunk beside those who took it.
          const wanted = Math.min(7, network.nodes.filter(({ up, manner }) => up && manner !== 'full').length)
          const moody = network
            .willing(address)
            .filter(({ manner, holds }) => manner === 'moody' && !holds.has(address))
          assert.ok(holdersOf(network, address) >= wanted - moody.length, `${holdersOf(network, address)} of ${wanted}`)
        }
      }),
      { numRuns: 40 },
    )
  })

  test('makes few copies in vain, when a third of all leave and six others hold each chunk', () => {
    const { network, addresses } = settled(5, 60, 200)
    const { puts } = network
    for (const node of network.nodes.slice(0, 20)) node.up = false
    const missing = addresses.reduce((sum, address) => sum + 7 - holdersOf(network, address), 0)
    network.tellChange()
    network.settle(3_600_000)
    for (const address of addresses) assert.ok(network.willing(address).every(({ holds }) => holds.has(address)))
    assert.ok(missing > 300)
    assert.ok(network.puts - puts <= missing * 1.3, `${network.puts - puts} copies for ${missing} missing`)
  })

  test('asks about many chunks in one question', () => {
    const { network, addresses } = settled(3, 20, 500)
    const before = network.asks
    network.nodes[4]!.up = false
    network.tellChange()
    network.settle(3_600_000)
    assert.ok(network.asks - before < addresses.length, `${network.asks - before} questions`)
  })

  test('sends nothing to who comes back with what it held', () => {
    const { network } = settled(9, 20, 50)
    const back = network.nodes[7]!
    back.up = false
    back.up = true
    const { puts } = network
    network.tellChange()
    network.settle(3_600_000)
    assert.equal(network.puts, puts)
  })

  test('fetches what was damaged', () => {
    const { network, addresses } = settled(11, 12, 20)
    const [address] = addresses
    const holder = network.willing(address!)[0]!
    holder.holds.delete(address!)
    holder.replication.damaged(address!)
    network.settle(3_600_000)
    assert.ok(holder.holds.has(address!))
    assert.equal(holder.replication.status.fetched, 1)
  })

  test('remembers only so much of what is damaged', () => {
    const { network } = settled(1, 8, 0)
    const { replication } = network.nodes[0]!
    const bytes = new Uint8Array(32)
    for (let n = 0; n < 1000; n++) {
      network.random.fill(bytes)
      replication.damaged(chunkAddressOf(bytes))
    }
    assert.equal(replication.status.lag, REPLICATION_LIMITS.fetchesWaitingMax)
  })
})

test('answers to what was not asked change nothing', () => {
  const view = { self: peerIdOf(new Uint8Array(32)), held: () => [].values(), has: () => false, closest: () => [] }
  const replication = new Replication(view, {}, 0)
  const before = replication.status
  replication.told(7, [true], 0)
  replication.told(7, null, 0)
  replication.answered(7, { kind: 'stored' }, 0)
  replication.fetched(7, true)
  assert.deepEqual(replication.status, before)
})

test('an answer of too few bits leaves the rest to be asked again', () => {
  const network = new ReplicationNetwork(2)
  for (let n = 0; n < 9; n++) network.add('good')
  const address = network.chunk()
  const { replication } = network.willing(address)[0]!
  replication.timeout(REPLICATION_LIMITS.settleMs)
  const output = replication.poll(0) as Extract<ReplicationOutput, { kind: 'has' }>
  replication.told(output.request, [], 0)
  assert.equal(replication.poll(0)?.kind, 'has')
})

describe('a close group', () => {
  const id = (first: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? first : 0))
  const target = chunkAddressOf(id(0))
  const peers = (...firsts: number[]) => firsts.map((first) => ({ peer: peerIdOf(id(first)), network: null }))

  test('is seven, ourselves among them when we are near enough', () => {
    const all = peers(1, 2, 3, 4, 5, 7, 8, 9, 10)
    assert.deepEqual(closeGroup(target, peerIdOf(id(6)), all), {
      others: peers(1, 2, 3, 4, 5, 7).map(({ peer }) => peer),
      rank: 5,
    })
    assert.deepEqual(closeGroup(target, peerIdOf(id(11)), all).others.length, 7)
    assert.deepEqual(closeGroup(target, peerIdOf(id(11)), all).rank, 7)
  })

  test('has two of one network', () => {
    const near = peers(1, 2, 3).map(({ peer }) => ({ peer, network: '10.0.0' }))
    const { others } = closeGroup(target, peerIdOf(id(9)), [...near, ...peers(4, 5)])
    assert.deepEqual(
      others,
      [...peers(1, 2), ...peers(4, 5)].map(({ peer }) => peer),
    )
  })
})
