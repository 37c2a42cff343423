import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chunkAddressOf, peerIdOf } from '../../src/core/ids.ts'
import type { ChunkAddress } from '../../src/core/ids.ts'
import { loadBlake3 } from '../../src/io/blake3.ts'
import type { Identity } from '../../src/io/ports.ts'
import { ChunkStore } from '../../src/node/chunk-store.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createInlineWorkers } from '../support/inline-workers.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const blake3 = await loadBlake3()
const clock = new FakeClock()
const workers = await createInlineWorkers(clock)
const identity: Identity = {
  peerId: peerIdOf(new Uint8Array(32)),
  publicKey: new Uint8Array(1952),
  privateKey: new Uint8Array(0),
}
const BYTES = 100

const openStore = (files: MemoryFiles, capacityBytes = 1e9): Promise<ChunkStore> =>
  clock.until(ChunkStore.open({ files, workers, identity, directory: '/data/chunks', capacityBytes }))

/** Some chunk; `n` tells it from others. */
const chunk = (n: number, size = BYTES): { stored: Uint8Array; address: ChunkAddress } => {
  const stored = new Uint8Array(size)
  new SeededRandom(n).fill(stored)
  return { stored, address: chunkAddressOf(blake3(stored)) }
}

const hold = (store: ChunkStore, { address, stored }: ReturnType<typeof chunk>) =>
  clock.until(store.hold(address, stored.slice()))
const read = (store: ChunkStore, address: ChunkAddress) => clock.until(store.read(address))
const leftovers = (files: MemoryFiles): string[] => files.paths.filter((path) => path.endsWith('.part'))

test('a chunk that was held is found again after a power cut', async () => {
  const files = new MemoryFiles()
  const store = await openStore(files)
  const chunks = Array.from({ length: 5 }, (_, n) => chunk(n))
  for (const one of chunks) assert.deepEqual(await hold(store, one), { kind: 'stored' })
  files.crash()
  const again = await openStore(files)
  assert.equal(again.count, 5)
  assert.equal(again.room, store.room)
  for (const { address, stored } of chunks) assert.deepEqual(await read(again, address), { kind: 'found', stored })
  assert.deepEqual([...again.addresses()].sort(), chunks.map(({ address }) => address).sort())
})

test('a chunk lies in a file named after it, in a directory named after its first two digits', async () => {
  const files = new MemoryFiles()
  const one = chunk(1)
  await hold(await openStore(files), one)
  assert.deepEqual(files.paths, [`/data/chunks/${one.address.slice(0, 2)}/${one.address}`])
})

test('the same chunk is stored once, however many bring it at once', async () => {
  const files = new MemoryFiles()
  const store = await openStore(files)
  const one = chunk(1)
  const all = await clock.until(Promise.all([1, 2, 3].map(() => store.hold(one.address, one.stored.slice()))))
  assert.deepEqual(all.map(({ kind }) => kind).sort(), ['already', 'already', 'stored'])
  assert.equal((await hold(store, one)).kind, 'already')
  assert.equal(files.log.filter(({ operation }) => operation === 'create').length, 1)
})

test('bytes that are not the chunk are refused before anything is written', async () => {
  const files = new MemoryFiles()
  const store = await openStore(files)
  const calls = files.operations
  assert.deepEqual(await clock.until(store.hold(chunk(1).address, chunk(2).stored)), { kind: 'corrupt' })
  assert.deepEqual(await clock.until(store.hold(chunk(1).address, new Uint8Array(3))), { kind: 'corrupt' })
  assert.equal(files.operations, calls)
})

test('a damaged file is never given out: it is removed, and the chunk can be stored anew', async () => {
  const one = chunk(1)
  const flipped = one.stored.slice()
  flipped[50]! ^= 1
  for (const damaged of [flipped, one.stored.slice(0, 99), new Uint8Array(20)]) {
    const files = new MemoryFiles()
    const store = await openStore(files)
    await hold(store, one)
    files.put(files.paths[0] ?? '', damaged)
    assert.deepEqual(await read(store, one.address), { kind: 'corrupt' })
    assert.deepEqual(files.paths, [])
    assert.deepEqual(await read(store, one.address), { kind: 'absent' })
    assert.deepEqual(await hold(store, one), { kind: 'stored' })
    assert.equal((await read(store, one.address)).kind, 'found')
  }
})

test('who is late to see that a file was damaged does not remove the chunk that was stored anew since', async () => {
  const files = new MemoryFiles()
  const slow = await createInlineWorkers(clock)
  const options = { files, workers: slow, identity, directory: '/data/chunks' }
  const store = await clock.until(ChunkStore.open(options))
  const one = chunk(1)
  await hold(store, one)
  files.put(files.paths[0] ?? '', chunk(2).stored)
  slow.delayMs = () => 1000
  const late = store.read(one.address)
  for (let turn = 0; turn < 100; turn++) await Promise.resolve()
  assert.equal(slow.asked['hash-chunk'], 2)
  slow.delayMs = () => 0
  assert.deepEqual(await read(store, one.address), { kind: 'corrupt' })
  assert.deepEqual(await hold(store, one), { kind: 'stored' })
  assert.deepEqual(await clock.until(late), { kind: 'corrupt' })
  assert.equal(store.has(one.address), true)
  assert.equal((await read(store, one.address)).kind, 'found')
})

test('a chunk above the capacity is refused as full, and the room is what is left', async () => {
  const store = await openStore(new MemoryFiles(), 3 * 4096)
  assert.equal((await hold(store, chunk(1))).kind, 'stored')
  assert.equal((await hold(store, chunk(2, 5000))).kind, 'stored')
  assert.equal(store.room, 0)
  assert.deepEqual(await hold(store, chunk(3)), { kind: 'full' })
  assert.equal(store.count, 2)
})

test('a disk that is full after any byte is an error that leaves nothing behind and loses nothing', async () => {
  for (let space = 0; space < BYTES; space++) {
    const files = new MemoryFiles()
    const store = await openStore(files)
    await hold(store, chunk(1))
    const { room } = store
    const paths = files.paths
    files.faults.spaceBytes = space
    const held = await hold(store, chunk(2))
    assert.ok(held.kind === 'failed')
    assert.equal(held.error.code, 'NO_SPACE')
    assert.deepEqual(files.paths, paths)
    assert.equal(store.room, room)
    assert.equal(store.has(chunk(2).address), false)
    assert.equal((await read(store, chunk(1).address)).kind, 'found')
    files.faults.spaceBytes = Infinity
    assert.deepEqual(await hold(store, chunk(2)), { kind: 'stored' })
  }
})

test('whichever operation fails, a chunk is either held whole or not at all, and what was held stays', async () => {
  for (const code of ['ENOSPC', 'EIO']) {
    for (let n = 0, failed = true; failed; n++) {
      const files = new MemoryFiles()
      const store = await openStore(files)
      await hold(store, chunk(1))
      Object.assign(files.faults, { failAt: files.operations + n, code })
      const held = await hold(store, chunk(2))
      failed = held.kind === 'failed'
      if (failed) assert.equal(store.has(chunk(2).address), false)
      else assert.ok(n >= 6, 'every step of holding was made to fail')
      files.faults.failAt = null
      assert.deepEqual(leftovers(files), [])
      assert.equal(files.paths.length, failed ? 1 : 2)
      for (const again of [store, await openStore(files)]) {
        assert.equal((await read(again, chunk(1).address)).kind, 'found')
        assert.equal((await hold(again, chunk(2))).kind === 'failed', false)
        assert.equal((await read(again, chunk(2).address)).kind, 'found')
      }
    }
  }
})

test('a power cut at any operation leaves a chunk whole or absent, and no half-written file after the next start', async () => {
  for (let n = 0, failed = true; failed; n++) {
    const files = new MemoryFiles()
    const store = await openStore(files)
    await hold(store, chunk(1))
    Object.assign(files.faults, { failAt: files.operations + n, lasting: true })
    failed = (await hold(store, chunk(2))).kind === 'failed'
    files.faults.failAt = null
    files.crash()
    const again = await openStore(files)
    assert.deepEqual(leftovers(files), [])
    assert.equal((await read(again, chunk(1).address)).kind, 'found')
    const second = await read(again, chunk(2).address)
    assert.equal(second.kind, failed ? 'absent' : 'found')
  }
})

test('half-written files of an earlier life are removed at the start, and other files are left alone', async () => {
  const files = new MemoryFiles()
  const { address } = chunk(1)
  const directory = `/data/chunks/${address.slice(0, 2)}`
  files.put(`${directory}/${address}.7.part`, new Uint8Array(50))
  files.put(`${directory}/readme`, new Uint8Array(5))
  files.put(`${directory}/${address}`, new Uint8Array(5))
  files.put('/data/chunks/zz/other', new Uint8Array(5))
  const store = await openStore(files)
  assert.equal(store.count, 0)
  assert.deepEqual(leftovers(files), [])
  assert.equal(files.paths.length, 3)
  assert.deepEqual(await hold(store, chunk(1)), { kind: 'stored' })
})

test('reading through a disk that fails is an error and not a lost chunk', async () => {
  const files = new MemoryFiles()
  const store = await openStore(files)
  const one = chunk(1)
  await hold(store, one)
  for (let n = 0; n < 3; n++) {
    files.faults.failAt = files.operations + n
    const failed = await read(store, one.address)
    assert.ok(failed.kind === 'failed')
    assert.equal(failed.error.code, 'IO_FAILED')
  }
  files.faults.failAt = null
  assert.deepEqual(await read(store, one.address), { kind: 'found', stored: one.stored })
})

test('a file that somebody took away is absent from then on', async () => {
  const files = new MemoryFiles()
  const store = await openStore(files)
  const one = chunk(1)
  await hold(store, one)
  await files.remove(files.paths[0] ?? '')
  assert.deepEqual(await read(store, one.address), { kind: 'absent' })
  assert.equal(store.has(one.address), false)
  assert.equal(store.room, 1e9)
})
