// Re-replication by whole storages: what is damaged is fetched again, what is missing is sent, and what is full is passed over.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { STORED_BYTES_MAX } from '../../src/core/chunks/chunk.ts'
import { Counters } from '../../src/core/counters.ts'
import { SallyportError } from '../../src/core/errors.ts'
import type { Reply } from '../../src/core/chunks/replies.ts'
import { chunkAddressOf, idBytes, peerIdOf } from '../../src/core/ids.ts'
import { compareDistance } from '../../src/core/kademlia/distance.ts'
import type { ChunkAddress } from '../../src/core/ids.ts'
import { PROTOCOL, STATUS } from '../../src/core/messages/codes.ts'
import type { Identity, Workers } from '../../src/io/ports.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { ChunkStore } from '../../src/node/chunk-store.ts'
import { perform } from '../../src/node/perform-work.ts'
import { Storage } from '../../src/node/storage.ts'
import type { Asked, Exchange } from '../../src/node/transfer.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createInlineWorkers } from '../support/inline-workers.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { ChunkNetwork } from './chunk-network.ts'
import type { Member } from './chunk-network.ts'

const FILE_BYTES = 100_000

interface Scene {
  readonly network: ChunkNetwork
  readonly link: string
  readonly addresses: readonly ChunkAddress[]
}

const minutes = ({ clock }: ChunkNetwork, count: number): Promise<void> => clock.advance(count * 60_000)

/** A network of so many nodes with one file of two chunks in it. */
const scene = async (nodes: number): Promise<Scene> => {
  const network = new ChunkNetwork(3)
  await network.grow(nodes)
  const client = await network.client()
  const bytes = new Uint8Array(FILE_BYTES)
  new SeededRandom(1).fill(bytes)
  client.files.put('/file', bytes)
  const { link } = await network.clock.until(client.storage.put('/file'))
  await minutes(network, 1)
  return { network, link, addresses: network.addresses() }
}

const holding = ({ members }: ChunkNetwork, address: ChunkAddress): Member[] =>
  members.filter(({ store, up }) => up && store?.has(address) === true)

const fileOf = (address: ChunkAddress): string => `/data/chunks/${address.slice(0, 2)}/${address}`

test('holders that die are replaced, and one that comes back is sent nothing', async () => {
  const { network, addresses } = await scene(16)
  const dead = holding(network, addresses[0]!).slice(0, 3)
  for (const member of dead) member.up = false
  network.tellChange()
  await minutes(network, 5)
  for (const address of addresses) assert.ok(holding(network, address).length >= 7)
  assert.deepEqual(
    network.members.map(({ storage, up }) => (up ? (storage.replication?.lag ?? 0) : 0)),
    network.members.map(() => 0),
  )
  for (const member of dead) {
    member.up = true
    member.asked.clear()
  }
  network.tellChange()
  await minutes(network, 5)
  for (const { asked } of dead) assert.equal(asked.get(PROTOCOL.chunkPut), undefined)
  assert.ok(
    dead.every(({ asked }) => (asked.get(PROTOCOL.chunkHas) ?? 0) > 0),
    'it was asked what it holds',
  )
})

test('whoever joins near a chunk is sent it', async () => {
  const { network, addresses } = await scene(8)
  await network.grow(1)
  network.tellChange()
  await minutes(network, 5)
  // Of nine nodes the newcomer is among the seven nearest of one chunk at least, by this seed.
  const newcomer = network.members.at(-1)!
  assert.ok(addresses.some((address) => newcomer.store?.has(address) === true))
  assert.equal(network.members[0]!.storage.replication?.failed, 0)
})

test('a node whose disk is full is passed over, and the next closest holds the chunk', async () => {
  const { network, addresses } = await scene(12)
  const address = addresses[0]!
  const outside = network.members.filter(({ store }) => store !== null && !store.has(address))
  const next = outside.toSorted((a, b) => compareDistance(address, a.id, b.id))[0]!
  next.files.faults.spaceBytes = 0
  for (const member of holding(network, address).slice(0, 3)) member.up = false
  network.tellChange()
  await minutes(network, 10)
  assert.equal(next.store?.has(address), false)
  assert.ok((next.asked.get(PROTOCOL.chunkPut) ?? 0) > 0, 'it was tried')
  assert.ok(holding(network, address).length >= 7)
})

test('a chunk that is damaged on disk is absent when it is read, removed, and fetched again', async () => {
  const { network, link, addresses } = await scene(10)
  const before = new Map<Member, Uint8Array>()
  const [address] = addresses
  for (const member of holding(network, address!).slice(0, 3)) {
    const bytes = member.files.peek(fileOf(address!))!
    before.set(member, bytes)
    member.files.put(
      fileOf(address!),
      bytes.map((byte, at) => (at === 5 ? byte ^ 1 : byte)),
    )
  }
  const client = await network.client()
  client.files.put('/out/other', new Uint8Array(1))
  await network.clock.until(client.storage.get(link, '/out/copy'))
  // Whoever was asked first found it out; the others do when they are asked.
  for (const member of before.keys()) await network.clock.until(read(member, address!))
  await minutes(network, 1)
  for (const [member, bytes] of before) {
    assert.deepEqual(member.files.peek(fileOf(address!)), bytes)
    assert.equal(member.store?.has(address!), true)
  }
  assert.equal(
    [...before.keys()].reduce((sum, { storage }) => sum + (storage.replication?.fetched ?? 0), 0),
    3,
  )
})

const read = async (member: Member, address: ChunkAddress): Promise<number | undefined> => {
  const target = idBytes(address)
  const reply = await member.handlers.get(PROTOCOL.chunkGet)?.({ peer: member.id, target, payload: new Uint8Array(0) })
  return reply?.status
}

/** A node by itself among made-up peers, all of them nearer to 00… than it is, and room for so many chunks of a block each. */
const crowded = async (chunks: number) => {
  const clock = new FakeClock()
  const workers = await createInlineWorkers(clock)
  const files = new MemoryFiles()
  const id = (first: number): Uint8Array =>
    Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? 0 : at === 1 ? first : 1))
  const identity: Identity = {
    peerId: peerIdOf(new Uint8Array(32).fill(255)),
    publicKey: new Uint8Array(1952),
    privateKey: new Uint8Array(0),
  }
  const crowd = Array.from({ length: 20 }, (_, n) => peerIdOf(id(n)))
  const capacityBytes = chunks * 4096
  const store = await clock.until(
    ChunkStore.open({ files, workers, identity, directory: '/data/chunks', capacityBytes }),
  )
  const handlers = new Map<string, (asked: Asked) => Promise<Reply>>()
  const exchange: Exchange = {
    request: () => Promise.reject(new SallyportError('NO_ADDRESS', 'nobody is there')),
    handle: (protocol, answer) => {
      handlers.set(protocol, answer)
      return () => handlers.delete(protocol)
    },
  }
  const routing = { lookup: async () => [], closest: () => crowd, network: () => null, watch: () => () => {} }
  const storage = new Storage({
    crypto: await createCrypto(),
    clock,
    timers: clock,
    files,
    workers,
    identity,
    random: new SeededRandom(1),
    exchange,
    routing,
    counters: new Counters(),
    store,
  })
  storage.serve()
  const bytes = (seed: number, size = 1000): Uint8Array => {
    const content = new Uint8Array(size)
    new SeededRandom(seed).fill(content.subarray(0, 1000))
    return content
  }
  const put = async (seed: number, { peer = crowd[0]!, size = 1000, isWrong = false } = {}): Promise<Reply> => {
    const payload = bytes(seed, size)
    const target = await addressOf(clock, workers, identity, payload.slice())
    if (isWrong) payload[0]!++
    return clock.until(handlers.get(PROTOCOL.chunkPut)!({ peer, target, payload }))
  }
  const hold = async (seed: number): Promise<ChunkAddress> => {
    const payload = bytes(seed)
    const address = chunkAddressOf(await addressOf(clock, workers, identity, payload.slice()))
    assert.equal((await clock.until(store.hold(address, payload))).kind, 'stored')
    return address
  }
  /** Whether we are nearer to the chunk than the crowd is. */
  const isOurs = async (seed: number, size = 1000): Promise<boolean> =>
    ((await addressOf(clock, workers, identity, bytes(seed, size)))[0] ?? 0) >= 128
  return { store, put, hold, isOurs }
}

const addressOf = async (
  clock: FakeClock,
  workers: Workers,
  identity: Identity,
  stored: Uint8Array,
): Promise<Uint8Array> => {
  const done = await clock.until(perform(workers, identity, { id: 0, kind: 'hash-chunk', stored }))
  assert.ok(done.kind === 'hash-chunk')
  return done.address
}

test('a full node gives up what others are closer to, and refuses when it is close to all it has', async () => {
  const { store, put, hold, isOurs } = await crowded(3)
  const seeds = Array.from({ length: 40 }, (_, seed) => seed)
  const near: number[] = []
  const far: number[] = []
  for (const seed of seeds) ((await isOurs(seed)) ? near : far).push(seed)
  const kept = await hold(near[0]!)
  const given = [await hold(far[0]!), await hold(far[1]!)]
  assert.equal(store.room, 0)
  assert.equal((await put(far[2]!)).reason, 'not-closest')
  assert.equal((await put(near[1]!)).status, STATUS.ok)
  assert.equal((await put(near[2]!)).status, STATUS.ok)
  assert.deepEqual(
    [kept, ...given].map((address) => store.has(address)),
    [true, false, false],
  )
  assert.deepEqual([store.room, store.count], [0, 3])
  assert.deepEqual((await put(near[3]!)).reason, 'full')
  assert.equal(store.count, 3)
})

test('a full node gives up nothing for bytes that are not the chunk', async () => {
  const { store, put, hold, isOurs } = await crowded(2)
  let near = 0
  while (!(await isOurs(near))) near++
  let far = 0
  while (await isOurs(far)) far++
  const given = await hold(far)
  await hold(near)
  let another = near + 1
  while (!(await isOurs(another))) another++
  assert.equal((await put(another, { isWrong: true })).reason, 'corrupt')
  assert.ok(store.has(given))
  assert.equal((await put(another)).status, STATUS.ok)
  assert.ok(!store.has(given))
})

test('a peer that has filled its share is refused, and others are not', async () => {
  const { store, put, isOurs } = await crowded(10_000)
  let large = 0
  while (!(await isOurs(large, STORED_BYTES_MAX))) large++
  let small = 0
  while (!(await isOurs(small))) small++
  assert.equal((await put(large, { size: STORED_BYTES_MAX })).status, STATUS.ok)
  const refused = await put(small)
  assert.deepEqual([refused.status, refused.reason], [STATUS.refused, 'quota'])
  assert.equal((await put(small, { peer: peerIdOf(new Uint8Array(32).fill(9)) })).status, STATUS.ok)
  assert.equal(store.count, 2)
  await store.remove([...store.addresses()][0]!)
  let another = small + 1
  while (!(await isOurs(another))) another++
  assert.equal((await put(another)).status, STATUS.ok, 'what was removed is free again')
})
