// Uploads from streams and downloads into them: the same bytes, only verified ones, in order, and no end that is waited for in vain.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DOWNLOAD_LIMITS } from '../../src/core/chunks/download.ts'
import type { SallyportError } from '../../src/core/errors.ts'
import { PROTOCOL } from '../../src/core/messages/codes.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { ChunkNetwork } from './chunk-network.ts'
import type { Member } from './chunk-network.ts'

const MIB = 1024 * 1024
const CHUNK = 4 * MIB

/** Each chunk begins differently, and what lies between is cheap to make. */
const content = (size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  const random = new SeededRandom(size)
  for (let at = 0; at < size; at += CHUNK) random.fill(bytes.subarray(at, Math.min(size, at + 1000)))
  return bytes
}

const scene = async (): Promise<{ network: ChunkNetwork; up: Member; down: Member }> => {
  const network = new ChunkNetwork(11)
  await network.grow(10)
  return { network, up: await network.client(), down: await network.client() }
}

/** The bytes in parts of any length, empty ones among them. */
async function* parts(bytes: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += partBytes) {
    yield bytes.subarray(at, at + partBytes)
    yield new Uint8Array(0)
  }
}

/** A stream that keeps what it was given, and how it ended. */
const kept = (): { stream: WritableStream<Uint8Array>; bytes: () => Uint8Array; end: string | null } => {
  const got: Uint8Array[] = []
  const state = {
    stream: new WritableStream<Uint8Array>({
      write: (bytes) => void got.push(Uint8Array.from(bytes)),
      close: () => void (state.end = 'closed'),
      abort: (error: SallyportError) => void (state.end = error.code),
    }),
    bytes: () => Uint8Array.from(Buffer.concat(got)),
    end: null as string | null,
  }
  return state
}

test('what goes up as a stream has the link of the same file, and comes down as a stream in order', async () => {
  const { network, up, down } = await scene()
  for (const [size, partBytes] of [
    [0, 1],
    [1, 1],
    [70_000, 999],
    [CHUNK, 65_536],
    [2 * CHUNK + 5, 5 * MIB],
    [5 * CHUNK, 100_003],
  ] as const) {
    const bytes = content(size)
    up.files.put('/file', bytes)
    const file = await network.clock.until(up.storage.put('/file'))
    const streamed = await network.clock.until(up.storage.put(parts(bytes, partBytes)))
    assert.deepEqual(streamed, { ...file, stored: 0 })
    const out = kept()
    const got = await network.clock.until(down.storage.get(file.link, out.stream))
    assert.deepEqual([got.bytes, got.chunks], [size, file.chunks])
    assert.deepEqual(out.bytes(), bytes)
    assert.equal(out.end, 'closed')
  }
})

test('a file of maps of several levels comes back by file and by stream', async () => {
  const { network, up, down } = await scene()
  const bytes = content(7 * CHUNK + 9)
  const { link, chunks } = await network.clock.until(
    up.storage.put(parts(bytes, MIB), { limits: { mapEntriesMax: 2 } }),
  )
  assert.equal(chunks, 8)
  const out = kept()
  await network.clock.until(down.storage.get(link, out.stream))
  assert.deepEqual(out.bytes(), bytes)
  down.files.put('/out/other', new Uint8Array(1))
  await network.clock.until(down.storage.get(link, '/out/copy'))
  assert.deepEqual(down.files.peek('/out/copy'), bytes)
})

test('when a chunk cannot be had, a stream has got what comes before it, verified, and is aborted', async () => {
  const { network, up, down } = await scene()
  const bytes = content(5 * CHUNK)
  up.files.put('/file', bytes)
  const { link } = await network.clock.until(up.storage.put('/file'))
  const wanted = bytes.subarray(2 * CHUNK, 2 * CHUNK + 16)
  // Every holder gives the third chunk wrong, which is found when it is opened.
  const spoilt = new Set<string>()
  for (const member of network.members) {
    member.forge = (reply) => {
      if (reply.payload.length < CHUNK) return reply
      const key = Buffer.from(reply.payload.subarray(0, 16)).toString('hex')
      if (spoilt.size === 0 && order.push(key) && new Set(order).size === 3) spoilt.add(key)
      const payload = reply.payload.slice()
      if (spoilt.has(key)) payload[5]! ^= 1
      return { ...reply, payload }
    }
  }
  const order: string[] = []
  const out = kept()
  assert.equal(await network.codeOf(down.storage.get(link, out.stream)), 'CHUNK_CORRUPT')
  assert.equal(out.end, 'CHUNK_CORRUPT')
  const got = out.bytes()
  assert.ok(wanted.length > 0 && got.length < bytes.length)
  assert.deepEqual(got, bytes.subarray(0, got.length))
  assert.equal(got.length % CHUNK, 0)
})

test('a reader who does not read holds up the download, and no more than a few chunks are fetched meanwhile', async () => {
  const { network, up, down } = await scene()
  up.files.put('/file', content(12 * CHUNK))
  const { link } = await network.clock.until(up.storage.put('/file'))
  const gets = (): number => network.members.reduce((sum, { asked }) => sum + (asked.get(PROTOCOL.chunkGet) ?? 0), 0)
  const before = gets()
  const begun = Promise.withResolvers<void>()
  const stuck = new WritableStream<Uint8Array>({
    write: () => {
      begun.resolve()
      return new Promise(() => {})
    },
  })
  const controller = new AbortController()
  const getting = network.codeOf(down.storage.get(link, stuck, { signal: controller.signal }))
  await network.clock.until(begun.promise)
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(gets() - before <= 1 + DOWNLOAD_LIMITS.chunksMax, `${gets() - before} gets`)
  // And however long the reader stays away, whoever started it can end it.
  controller.abort()
  assert.equal(await getting, 'CANCELLED')
})

test('a stream that fails, gives what are no bytes, or never goes on ends the transfer with its own code', async () => {
  const { network, up, down } = await scene()
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield content(10)
    throw Object.assign(new Error('EIO: no more'), { code: 'EIO' })
  }
  assert.equal(await network.codeOf(up.storage.put(failing())), 'IO_FAILED')
  const texts = async function* (): AsyncGenerator<Uint8Array> {
    yield 'text' as unknown as Uint8Array
  }
  assert.equal(await network.codeOf(up.storage.put(texts())), 'ARGUMENT_INVALID')
  const silent: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}), return: () => new Promise(() => {}) }),
  }
  const controller = new AbortController()
  const putting = network.codeOf(up.storage.put(silent, { signal: controller.signal }))
  network.clock.at(network.clock.now() + 10, () => controller.abort())
  assert.equal(await putting, 'CANCELLED')
  up.files.put('/file', content(CHUNK + 1))
  const { link } = await network.clock.until(up.storage.put('/file'))
  const full = new WritableStream<Uint8Array>({
    write: () => Promise.reject(Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC' })),
  })
  assert.equal(await network.codeOf(down.storage.get(link, full)), 'NO_SPACE')
})

test('a stream that is not read to its end is let go', async () => {
  const { network, up } = await scene()
  for (const member of network.members) member.up = member.store === null
  let released = false
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (let n = 0; ; n++) yield new Uint8Array(MIB).fill(n)
    } finally {
      released = true
    }
  }
  assert.equal(await network.codeOf(up.storage.put(endless())), 'NOT_ENOUGH_HOLDERS')
  assert.equal(released, true)
})
