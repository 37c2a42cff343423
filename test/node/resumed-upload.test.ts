// Uploads that are interrupted and continue, with their state on a disk that may fail or lose power.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SallyportError } from '../../src/core/errors.ts'
import { PROTOCOL } from '../../src/core/messages/codes.ts'
import { ChunkNetwork } from './chunk-network.ts'
import type { Member } from './chunk-network.ts'

const CHUNK = 4 * 1024 * 1024
const STATE = '/state/upload'
const PIECES = 4

const content = (change = 0): Uint8Array => {
  const bytes = new Uint8Array(PIECES * CHUNK - 7)
  for (let n = 0; n < PIECES; n++) bytes[n * CHUNK + 3] = n + 1
  bytes[5] = change
  return bytes
}

interface Scene {
  readonly network: ChunkNetwork
  readonly up: Member
  readonly puts: () => number
}

const scene = async (): Promise<Scene> => {
  const network = new ChunkNetwork(21)
  await network.grow(9)
  const up = await network.client()
  up.files.put('/file', content())
  up.files.put('/state/other', new Uint8Array(1))
  const puts = (): number => network.members.reduce((sum, { asked }) => sum + (asked.get(PROTOCOL.chunkPut) ?? 0), 0)
  return { network, up, puts }
}

/** Uploads until so many chunks were placed, and is then cut off. */
const interrupt = async (
  { network, up }: Scene,
  chunks: number,
  options: { private?: boolean } = {},
): Promise<void> => {
  const controller = new AbortController()
  const putting = up.storage.put('/file', {
    ...options,
    stateFile: STATE,
    signal: controller.signal,
    limits: { piecesMax: 1 },
    onProgress: ({ chunks: done }) => done >= chunks && controller.abort(),
  })
  await assert.rejects(network.clock.until(putting), { code: 'CANCELLED' })
}

test('an upload that is interrupted continues, and removes its state when it is done', async () => {
  const world = await scene()
  const { network, up, puts } = world
  await interrupt(world, 3)
  assert.ok(up.files.peek(STATE) !== null)
  const before = puts()
  const done = await network.clock.until(up.storage.put('/file', { stateFile: STATE }))
  assert.equal(done.resumed, 2)
  assert.equal(puts() - before, 7 * 2)
  assert.deepEqual(up.files.paths, ['/file', '/state/other'])
  const same = await network.clock.until(up.storage.put('/file'))
  assert.deepEqual([same.link, same.stored], [done.link, 0])
})

test('a private upload continues under its own context, and an ordinary one never takes it up', async () => {
  const world = await scene()
  const { network, up } = world
  await interrupt(world, 3, { private: true })
  const state = up.files.peek(STATE) ?? assert.fail()
  const ordinary = await network.clock.until(up.storage.put('/file', { stateFile: STATE }))
  assert.deepEqual([ordinary.resumed, ordinary.stored], [0, 7 * 5])
  up.files.put(STATE, state)
  const done = await network.clock.until(up.storage.put('/file', { stateFile: STATE, private: true }))
  assert.equal(done.resumed, 2)
  assert.notEqual(done.link, ordinary.link)
  up.files.put('/out/other', new Uint8Array(1))
  await network.clock.until(up.storage.get(done.link, '/out/copy'))
  assert.deepEqual(up.files.peek('/out/copy'), content())
})

test('two private uploads of one file have nothing in common but what they give back', async () => {
  const { network, up } = await scene()
  const one = await network.clock.until(up.storage.put('/file', { private: true }))
  const two = await network.clock.until(up.storage.put('/file', { private: true }))
  assert.deepEqual([one.stored, two.stored], [7 * 5, 7 * 5])
  assert.notEqual(one.link, two.link)
})

test('a file that changed meanwhile is uploaded as it is now', async () => {
  const world = await scene()
  const { network, up } = world
  await interrupt(world, 3)
  up.files.put('/file', content(9))
  const done = await network.clock.until(up.storage.put('/file', { stateFile: STATE }))
  assert.equal(done.resumed, 1)
  up.files.put('/out/other', new Uint8Array(1))
  await network.clock.until(up.storage.get(done.link, '/out/copy'))
  assert.deepEqual(up.files.peek('/out/copy'), content(9))
})

test('a state that is a day old, or of a time to come, is not believed', async () => {
  const world = await scene()
  const { network, up } = world
  await interrupt(world, 3)
  const state = up.files.peek(STATE) ?? assert.fail()
  await network.clock.advance(24 * 3_600_000)
  assert.equal((await network.clock.until(up.storage.put('/file', { stateFile: STATE }))).resumed, 0)
  const young = await scene()
  young.up.files.put(
    STATE,
    state.map((byte, at) => (at === 19 + 32 ? 1 : byte)),
  )
  assert.equal((await young.network.clock.until(young.up.storage.put('/file', { stateFile: STATE }))).resumed, 0)
})

test('whatever is lost of the state when the power goes, the upload that follows is right', async () => {
  for (const chunks of [1, 3]) {
    const world = await scene()
    const { network, up } = world
    await interrupt(world, chunks)
    const state = up.files.peek(STATE) ?? assert.fail()
    for (const end of [0, state.length - 1]) {
      up.files.put(STATE, state.subarray(0, Math.max(0, end)))
      const { resumed } = await network.clock.until(up.storage.put('/file', { stateFile: STATE }))
      assert.ok(resumed < chunks)
      assert.equal(up.files.peek(STATE), null)
    }
  }
})

test('whichever operation on the state fails, the upload fails before it begins or is right', async () => {
  let failures = 0
  for (let n = 0; ; n++) {
    const { network, up } = await scene()
    Object.assign(up.files.faults, { failAt: up.files.operations + n, code: 'EIO' })
    let code = 'none'
    try {
      const { chunks } = await network.clock.until(up.storage.put('/file', { stateFile: STATE }))
      assert.equal(chunks, PIECES)
    } catch (error) {
      assert.ok(error instanceof SallyportError)
      code = error.code
      failures++
    }
    assert.ok(code === 'none' || code === 'IO_FAILED', code)
    assert.equal(up.files.paths.filter((path) => path.endsWith('.part')).length, 0)
    if (n >= up.files.operations) break
  }
  assert.ok(failures >= 6)
})
