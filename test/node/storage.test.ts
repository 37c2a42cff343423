import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareDistance } from '../../src/core/kademlia/distance.ts'
import { parseLink } from '../../src/core/chunks/link.ts'
import { idBytes, peerIdOf } from '../../src/core/ids.ts'
import { PROTOCOL, STATUS } from '../../src/core/messages/codes.ts'
import { PUT_OUTCOME } from '../../src/core/messages/chunks.ts'
import type { FileHandle, OpenMode } from '../../src/io/ports.ts'
import type { Reply } from '../../src/core/chunks/replies.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { ChunkNetwork } from './chunk-network.ts'
import type { Member } from './chunk-network.ts'

const MIB = 1024 * 1024
const content = (size: number, seed = 1): Uint8Array => {
  const bytes = new Uint8Array(size)
  new SeededRandom(seed).fill(bytes.subarray(0, Math.min(size, 100_000)))
  // Every 4 MiB differs, without drawing millions of bytes.
  for (let at = 0, n = 1; at < size; at += MIB) bytes[at] = n++
  return bytes
}

interface Scene {
  readonly network: ChunkNetwork
  readonly up: Member
  readonly down: Member
}

/** A network of ten nodes, an uploader with `/file`, and a downloader. */
const scene = async (size: number, seed = 7): Promise<Scene> => {
  const network = new ChunkNetwork(seed)
  await network.grow(10)
  const [up, down] = [await network.client(), await network.client()]
  up.files.put('/file', content(size))
  down.files.put('/out/other', new Uint8Array(1))
  return { network, up, down }
}

test('a file of several chunks comes back identical to a client that was not there when it was put', async () => {
  const { network, up } = await scene(9 * MIB + 5)
  const progress: number[] = []
  const put = await network.clock.until(up.storage.put('/file', { onProgress: ({ bytes }) => progress.push(bytes) }))
  assert.deepEqual(
    { ...put, link: '' },
    { link: '', bytes: 9 * MIB + 5, chunks: 3, holders: 7, stored: 28, resumed: 0 },
  )
  assert.deepEqual(progress.at(-1), 9 * MIB + 5)
  assert.deepEqual(
    network.addresses().map((address) => network.holders(address)),
    [7, 7, 7, 7],
  )
  const late = await network.client()
  late.files.put('/out/other', new Uint8Array(1))
  const got = await network.clock.until(late.storage.get(put.link, '/out/copy'))
  assert.deepEqual([got.bytes, got.chunks], [9 * MIB + 5, 3])
  assert.ok(got.asked.length >= 1 && new Set(got.asked).size === got.asked.length)
  assert.deepEqual(late.files.peek('/out/copy'), content(9 * MIB + 5))
  assert.deepEqual(late.files.paths, ['/out/copy', '/out/other'])
})

test('putting the same file again sends no chunk and stores nothing', async () => {
  const { network, up, down } = await scene(50_000)
  const first = await network.clock.until(up.storage.put('/file'))
  const puts = (): number => network.members.reduce((sum, { asked }) => sum + (asked.get(PROTOCOL.chunkPut) ?? 0), 0)
  const before = puts()
  down.files.put('/file', content(50_000))
  assert.deepEqual(await network.clock.until(down.storage.put('/file')), { ...first, stored: 0 })
  assert.equal(puts(), before)
})

test('an empty file goes up and comes down', async () => {
  const { network, up, down } = await scene(0)
  const { link, chunks } = await network.clock.until(up.storage.put('/file'))
  assert.equal(chunks, 0)
  await network.clock.until(down.storage.get(link, '/out/copy'))
  assert.deepEqual(down.files.peek('/out/copy'), new Uint8Array(0))
})

test('when the peer that was asked first is gone, another is asked', async () => {
  const { network, up, down } = await scene(1000)
  const { link } = await network.clock.until(up.storage.put('/file'))
  const first = await network.clock.until(down.storage.get(link, '/out/a'))
  const gone = network.members.find(({ id }) => id === first.asked[0])
  assert.ok(gone !== undefined)
  gone.up = false
  const second = await network.clock.until(down.storage.get(link, '/out/b'))
  assert.notEqual(second.asked[0], first.asked[0])
  gone.up = true
  gone.silent = true
  const third = await network.clock.until(down.storage.get(link, '/out/c'))
  assert.deepEqual(third.asked.slice(0, 2), [first.asked[0], second.asked[0]])
})

test('bytes that peers made up are never written', async () => {
  const { network, up, down } = await scene(1000)
  const { link } = await network.clock.until(up.storage.put('/file'))
  for (const member of network.members) {
    member.forge = (reply) => {
      const payload = reply.payload.slice()
      if (payload.length > 16) payload[3]! ^= 1
      return { ...reply, payload }
    }
  }
  assert.equal(await network.codeOf(down.storage.get(link, '/out/copy')), 'CHUNK_CORRUPT')
  assert.deepEqual(down.files.paths, ['/out/other'])
})

test('an existing file is replaced only by force', async () => {
  const { network, up, down } = await scene(1000)
  const { link } = await network.clock.until(up.storage.put('/file'))
  assert.equal(await network.codeOf(down.storage.get(link, '/out/other')), 'FILE_EXISTS')
  assert.deepEqual(down.files.peek('/out/other'), new Uint8Array(1))
  await network.clock.until(down.storage.get(link, '/out/other', { force: true }))
  assert.deepEqual(down.files.peek('/out/other'), content(1000))
  assert.deepEqual(down.files.paths, ['/out/other'])
})

test('a file that came there during the download is not replaced', async () => {
  const { network, up, down } = await scene(1000)
  const { link } = await network.clock.until(up.storage.put('/file'))
  const getting = down.storage.get(link, '/out/copy', {
    onProgress: () => down.files.put('/out/copy', new Uint8Array(3)),
  })
  assert.equal(await network.codeOf(getting), 'FILE_EXISTS')
  assert.deepEqual(down.files.peek('/out/copy'), new Uint8Array(3))
  assert.deepEqual(down.files.paths, ['/out/copy', '/out/other'])
})

test('a missing file, a bad link, too few holders and an unknown chunk each have their code', async () => {
  const { network, up, down } = await scene(1000)
  assert.equal(await network.codeOf(up.storage.put('/nowhere')), 'FILE_NOT_FOUND')
  assert.equal(await network.codeOf(down.storage.get('sallyport:abc', '/out/copy')), 'LINK_INVALID')
  const unknown = `sallyport:${'0'.repeat(64)}#${'1'.repeat(64)}`
  assert.equal(await network.codeOf(down.storage.get(unknown, '/out/copy')), 'CHUNK_NOT_FOUND')
  assert.deepEqual(down.files.paths, ['/out/other'])
  for (const member of network.members.slice(0, 8)) member.up = false
  assert.equal(await network.codeOf(up.storage.put('/file')), 'NOT_ENOUGH_HOLDERS')
  assert.equal((await network.clock.until(up.storage.put('/file', { allowFewer: true }))).holders, 2)
})

test('a transfer that is cancelled, or whose storage closes, ends at once and leaves nothing', async () => {
  const { network, up, down } = await scene(9 * MIB)
  const { link } = await network.clock.until(up.storage.put('/file'))
  for (const afterMs of [0, 3, 8, 12, 17]) {
    const controller = new AbortController()
    network.clock.at(network.clock.now() + afterMs, () => controller.abort())
    const { signal } = controller
    assert.equal(await network.codeOf(down.storage.get(link, '/out/copy', { signal })), 'CANCELLED')
    assert.deepEqual(down.files.paths, ['/out/other'])
  }
  const aborted = AbortSignal.abort()
  assert.equal(await network.codeOf(up.storage.put('/file', { signal: aborted })), 'CANCELLED')
  const getting = network.codeOf(down.storage.get(link, '/out/copy'))
  await network.clock.until(down.storage.close())
  assert.equal(await getting, 'CANCELLED')
  assert.deepEqual(down.files.paths, ['/out/other'])
})

test('a file that is written to while it is uploaded has changed, whether it grows, shrinks or keeps its size', async () => {
  const { network, up } = await scene(1000)
  for (const position of [1000, 3]) {
    const member = await network.client()
    member.files.put('/other', content(1))
    const writer = await network.clock.until(member.files.open('/file', 'create'))
    await network.clock.until(writer.write(content(1000), 0))
    const putting = member.storage.put('/file', { onProgress: () => void writer.write(Uint8Array.of(9), position) })
    assert.equal(await network.codeOf(putting), 'FILE_CHANGED')
    assert.equal(await network.codeOf(member.storage.put('/file')), 'none')
  }
  class Shrinking extends MemoryFiles {
    override async open(path: string, mode: OpenMode): Promise<FileHandle> {
      const file = await super.open(path, mode)
      const read = async (into: Uint8Array, position: number): Promise<number> =>
        Math.min(await file.read(into, position), Math.max(0, 999 - position))
      return { ...file, read }
    }
  }
  const shrinking = await network.client(new Shrinking())
  shrinking.files.put('/file', content(1000))
  assert.equal(await network.codeOf(shrinking.storage.put('/file')), 'FILE_CHANGED')
  assert.equal(await network.codeOf(up.storage.put('/file')), 'none')
})

test('a file that is put in the place of another meanwhile is another file, and what was opened is uploaded', async () => {
  const { network, up, down } = await scene(1000)
  const { link } = await network.clock.until(
    up.storage.put('/file', { onProgress: () => up.files.put('/file', content(7)) }),
  )
  await network.clock.until(down.storage.get(link, '/out/copy'))
  assert.deepEqual(down.files.peek('/out/copy'), content(1000))
})

test('a file that says it is empty and is not is refused, and not taken for an empty one', async () => {
  const { network } = await scene(0)
  class Pseudo extends MemoryFiles {
    override async open(path: string, mode: 'read' | 'create'): Promise<FileHandle> {
      return { ...(await super.open(path, mode)), size: async () => 0 }
    }
  }
  const member = await network.client(new Pseudo())
  member.files.put('/file', content(10))
  assert.equal(await network.codeOf(member.storage.put('/file')), 'FILE_CHANGED')
  assert.deepEqual(network.addresses(), [])
})

test('whichever file operation of a download fails, it is an error that leaves nothing, or an identical file', async () => {
  const { network, up, down } = await scene(4 * MIB + 10)
  const { link } = await network.clock.until(up.storage.put('/file'))
  for (const code of ['ENOSPC', 'EIO']) {
    for (const force of [false, true]) {
      let failures = 0
      for (let n = 0; ; n++) {
        const start = down.files.operations
        Object.assign(down.files.faults, { failAt: start + n, code })
        const outcome = await network.codeOf(down.storage.get(link, '/out/copy', { force }))
        down.files.faults.failAt = null
        if (outcome === 'none') {
          assert.deepEqual(down.files.peek('/out/copy'), content(4 * MIB + 10))
          await down.files.remove('/out/copy')
        } else {
          failures++
          assert.equal(outcome, code === 'ENOSPC' ? 'NO_SPACE' : 'IO_FAILED')
        }
        assert.deepEqual(down.files.paths, ['/out/other'])
        if (start + n >= down.files.operations) break
      }
      assert.ok(failures >= 6, 'create, two writes, sync, close and placing were made to fail')
    }
  }
})

test('a disk that is full after any number of bytes fails a download and leaves nothing', async () => {
  const { network, up, down } = await scene(300)
  const { link } = await network.clock.until(up.storage.put('/file'))
  for (let space = 0; space < 300; space++) {
    down.files.faults.spaceBytes = space
    assert.equal(await network.codeOf(down.storage.get(link, '/out/copy')), 'NO_SPACE')
    assert.deepEqual(down.files.paths, ['/out/other'])
  }
})

test('whichever file operation of an upload fails, it is an error, and the file is as it was', async () => {
  const { network, up } = await scene(1000)
  let failures = 0
  for (let n = 0; ; n++) {
    const start = up.files.operations
    Object.assign(up.files.faults, { failAt: start + n, code: 'EIO' })
    const outcome = await network.codeOf(up.storage.put('/file'))
    up.files.faults.failAt = null
    assert.deepEqual(up.files.peek('/file'), content(1000))
    if (start + n >= up.files.operations) break
    assert.equal(outcome, 'IO_FAILED')
    failures++
  }
  assert.equal(failures, 6, 'open, version, size, read, version and close were made to fail')
})

test('holders with a full or failing disk refuse, others take the chunk, and too few make the upload fail', async () => {
  const { network, up, down } = await scene(1000)
  for (const member of network.members.slice(0, 3)) member.files.faults.spaceBytes = 100
  const { link, holders } = await network.clock.until(up.storage.put('/file'))
  assert.equal(holders, 7)
  for (const member of network.members.slice(0, 3)) assert.equal(member.store?.count, 0)
  for (const member of network.members.slice(3, 9)) member.files.faults.spaceBytes = 100
  up.files.put('/another', content(2000, 9))
  assert.equal(await network.codeOf(up.storage.put('/another')), 'NOT_ENOUGH_HOLDERS')
  for (const { files } of network.members)
    assert.equal(
      files.paths.some((path) => path.endsWith('.part')),
      false,
    )
  await network.clock.until(down.storage.get(link, '/out/copy'))
  assert.deepEqual(down.files.peek('/out/copy'), content(1000))
})

test('a node gives itself what it holds', async () => {
  const network = new ChunkNetwork(3)
  await network.grow(1)
  const [node] = network.members
  const up = await network.client()
  up.files.put('/file', content(1000))
  assert.ok(node !== undefined)
  const { link } = await network.clock.until(up.storage.put('/file', { allowFewer: true }))
  node.files.put('/out/other', new Uint8Array(1))
  const { asked } = await network.clock.until(node.storage.get(link, '/out/copy'))
  assert.deepEqual(asked, [node.id])
  assert.deepEqual(node.files.peek('/out/copy'), content(1000))
})

test('a holder answers malformed requests, wrong bytes and what it is not close to without storing anything', async () => {
  const network = new ChunkNetwork(4)
  await network.grow(30)
  const up = await network.client()
  up.files.put('/file', content(1000))
  const { link } = await network.clock.until(up.storage.put('/file'))
  const address = parseLink(link)?.address
  assert.ok(address !== undefined)
  const holders = network.members.filter(({ store }) => store !== null)
  const byDistance = holders.toSorted((a, b) => compareDistance(address, a.id, b.id))
  const target = idBytes(address)
  const ask = (
    member: Member | undefined,
    protocol: string,
    about: Uint8Array | null,
    bytes: number,
  ): Promise<Reply> => {
    const handler = member?.handlers.get(protocol)
    assert.ok(handler !== undefined)
    const peer = peerIdOf(new Uint8Array(32))
    return network.clock.until(handler({ peer, target: about, payload: new Uint8Array(bytes) }))
  }
  const [held, near, far] = [byDistance[0], byDistance[10], byDistance.at(-1)]
  const tooFar = await ask(far, PROTOCOL.chunkPut, target, 100)
  assert.deepEqual([tooFar.status, tooFar.reason], [STATUS.refused, 'not-closest'])
  const corrupt = await ask(near, PROTOCOL.chunkPut, target, 100)
  assert.deepEqual([corrupt.status, corrupt.reason], [STATUS.refused, 'corrupt'])
  assert.equal((await ask(near, PROTOCOL.chunkPut, target, 5 * MIB)).status, STATUS.badRequest)
  assert.equal((await ask(near, PROTOCOL.chunkPut, null, 100)).status, STATUS.badRequest)
  assert.equal((await ask(near, PROTOCOL.chunkGet, null, 0)).status, STATUS.badRequest)
  assert.equal((await ask(near, PROTOCOL.chunkHas, null, 33)).status, STATUS.badRequest)
  assert.equal((await ask(near, PROTOCOL.chunkGet, target, 0)).status, STATUS.absent)
  assert.equal((await ask(held, PROTOCOL.chunkPut, target, 100)).outcome, PUT_OUTCOME.alreadyStored)
  assert.equal(near?.store?.count, 0)
})

test('one peer gets four puts at once and is told when to come again', async () => {
  const { network } = await scene(1)
  const holder = network.members[0]
  assert.ok(holder !== undefined)
  holder.files.faults.hang = new Set(['makeDirectory'])
  const answers = Array.from({ length: 5 }, (_, n) => {
    const handler = holder.handlers.get(PROTOCOL.chunkPut)
    assert.ok(handler !== undefined)
    const address = parseLink(`sallyport:${String(n).repeat(64)}#${'0'.repeat(64)}`)?.address
    assert.ok(address !== undefined)
    return handler({
      peer: peerIdOf(new Uint8Array(32)),
      target: idBytes(address),
      payload: new Uint8Array(100),
    })
  })
  const fifth = await answers[4]
  assert.deepEqual([fifth?.status, fifth?.retryAfterMs], [STATUS.busy, 250])
  const others = await network.clock.until(Promise.all(answers.slice(0, 4)))
  assert.deepEqual(
    others.map(({ reason }) => reason),
    Array(4).fill('corrupt'),
  )
})
