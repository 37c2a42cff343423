// Directories go up and come back with names and modes, and nothing of one that leads elsewhere is made.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat } from '../../src/core/bytes.ts'
import { MANIFEST_ENTRIES_MAX, encodeManifest } from '../../src/core/chunks/manifest.ts'
import type { FileHandle, Look } from '../../src/io/ports.ts'
import { TreeSource } from '../../src/node/tree-source.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { ChunkNetwork } from './chunk-network.ts'
import type { Member } from './chunk-network.ts'

const CHUNK = 4 * 1024 * 1024
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

interface Scene {
  readonly network: ChunkNetwork
  readonly up: Member
  readonly down: Member
}

const scene = async (files = new MemoryFiles()): Promise<Scene> => {
  const network = new ChunkNetwork(31)
  await network.grow(8)
  const [up, down] = [await network.client(files), await network.client()]
  const large = new Uint8Array(CHUNK + 10).fill(7)
  files.put('/dir/large', large)
  files.put('/dir/sub/deep/a', bytesOf('a'))
  files.put('/dir/sub/.hidden', bytesOf('hidden'))
  files.put('/dir/zero', new Uint8Array(0))
  await files.makeDirectory('/dir/nothing')
  await files.setMode('/dir/sub/deep/a', 0o755)
  await files.setMode('/dir/sub', 0o550)
  await files.setMode('/dir', 0o750)
  down.files.put('/out/other', new Uint8Array(1))
  return { network, up, down }
}

/** What is at a path, but for when it was written. */
const lookOf = async ({ files }: Member, path: string): Promise<Omit<Look, 'version'> | null> => {
  const look = await files.look(path)
  return look === null ? null : { kind: look.kind, size: look.size, mode: look.mode }
}

test('a directory comes back with its names, modes and contents', async () => {
  const { network, up, down } = await scene()
  const { link } = await network.clock.until(up.storage.put({ directory: '/dir' }))
  assert.match(link, /^sallyport:[0-9a-f]{64}#[0-9a-f]{64}\/$/)
  await network.clock.until(down.storage.get(link, '/out/copy'))
  const inside = ['large', 'sub/.hidden', 'sub/deep/a', 'zero']
  assert.deepEqual(down.files.paths, [...inside.map((path) => `/out/copy/${path}`), '/out/other'])
  for (const path of inside) {
    assert.deepEqual(down.files.peek(`/out/copy/${path}`), up.files.peek(`/dir/${path}`))
    assert.deepEqual(await lookOf(down, `/out/copy/${path}`), await lookOf(up, `/dir/${path}`))
  }
  for (const path of ['', '/sub', '/sub/deep', '/nothing'])
    assert.deepEqual(await lookOf(down, `/out/copy${path}`), await lookOf(up, `/dir${path}`))
})

test('a directory takes no place that is taken, and is no stream', async () => {
  const { network, up, down } = await scene()
  const { link } = await network.clock.until(up.storage.put({ directory: '/dir' }))
  for (const force of [false, true])
    assert.equal(await network.codeOf(down.storage.get(link, '/out/other', { force })), 'FILE_EXISTS')
  assert.equal(await network.codeOf(down.storage.get(link, '/out')), 'FILE_EXISTS')
  assert.equal(await network.codeOf(down.storage.get(link, new WritableStream())), 'ARGUMENT_INVALID')
  assert.deepEqual(down.files.paths, ['/out/other'])
})

test('of a directory that leads elsewhere, or is none, nothing is made', async () => {
  const { network, up, down } = await scene()
  const forged = async (bytes: Uint8Array): Promise<string> => {
    up.files.put('/forged', bytes)
    const { link } = await network.clock.until(up.storage.put('/forged'))
    const code = await network.codeOf(down.storage.get(`${link}/`, '/out/copy'))
    assert.deepEqual(down.files.paths, ['/out/other'])
    assert.equal(await down.files.exists('/out/copy'), false)
    return code
  }
  const listing = (...paths: string[]): Uint8Array => {
    const entries = paths.map((path) => ({ path, mode: 0o644, size: 1 }))
    return concat(encodeManifest({ mode: 0o755, entries }) ?? assert.fail(), new Uint8Array(paths.length))
  }
  assert.equal(await forged(listing('a', '../b')), 'DIRECTORY_UNSAFE')
  assert.equal(await forged(listing('/out/other')), 'DIRECTORY_UNSAFE')
  assert.equal(await forged(listing('A', 'a')), 'DIRECTORY_UNSAFE')
  assert.equal(await forged(listing('nul')), 'DIRECTORY_UNSAFE')
  assert.equal(await forged(listing('a').subarray(0, -1)), 'CHUNK_CORRUPT')
  assert.equal(await forged(concat(listing('a'), new Uint8Array(1))), 'CHUNK_CORRUPT')
  assert.equal(await forged(new Uint8Array(0)), 'CHUNK_CORRUPT')
  assert.equal(await forged(bytesOf('any file at all')), 'CHUNK_CORRUPT')
})

/** Files among which one is a link. */
class WithLink extends MemoryFiles {
  override async look(path: string): Promise<Look | null> {
    const look = await super.look(path)
    return path === '/dir/zero' && look !== null ? { ...look, kind: 'link' } : look
  }
}

test('a directory with a link is refused, or put without it when that is asked for', async () => {
  const { network, up, down } = await scene(new WithLink())
  assert.equal(await network.codeOf(up.storage.put({ directory: '/dir' })), 'DIRECTORY_UNFIT')
  const skipped: string[] = []
  const onSkipped = (path: string): void => void skipped.push(path)
  const { link } = await network.clock.until(up.storage.put({ directory: '/dir' }, { onSkipped }))
  assert.deepEqual(skipped, ['zero'])
  await network.clock.until(down.storage.get(link, '/out/copy'))
  assert.equal(down.files.peek('/out/copy/zero'), null)
})

/** Files among which a directory has more entries than are kept. */
class Crowded extends MemoryFiles {
  looks = 0

  override async list(): Promise<string[]> {
    return Array.from({ length: 2 * MANIFEST_ENTRIES_MAX }, (_, n) => `file ${n}`)
  }

  override async look(path: string): Promise<Look | null> {
    this.looks++
    return { kind: path === '/dir' ? 'directory' : 'file', size: 1, mode: 0o644, version: '' }
  }
}

test('a directory of more entries than are kept is looked through no further than that', async () => {
  const files = new Crowded()
  await assert.rejects(TreeSource.open(files, '/dir', 'refuse'), { code: 'TOO_LARGE' })
  assert.equal(files.looks, 1 + MANIFEST_ENTRIES_MAX + 1)
})

test('a directory with names that not every system takes is refused before anything is sent', async () => {
  for (const name of ['a:b', 'large.', 'LARGE', 'aux.c']) {
    const { network, up } = await scene()
    up.files.put(`/dir/${name}`, new Uint8Array(1))
    assert.equal(await network.codeOf(up.storage.put({ directory: '/dir' })), 'DIRECTORY_UNFIT')
    assert.deepEqual(network.addresses(), [])
  }
  const { network, up } = await scene()
  assert.equal(await network.codeOf(up.storage.put({ directory: '/nowhere' })), 'FILE_NOT_FOUND')
  assert.equal(await network.codeOf(up.storage.put({ directory: '/dir/zero' })), 'ARGUMENT_INVALID')
})

test('a directory in which something changes while it is uploaded has changed', async () => {
  const writers = new Map<MemoryFiles, FileHandle>()
  const changes: ((files: MemoryFiles) => void)[] = [
    (files) => files.put('/dir/new', new Uint8Array(1)),
    (files) => files.put('/dir/large', new Uint8Array(5)),
    (files) => void files.setMode('/dir/zero', 0o600),
    // Written to, and of the same size as before.
    (files) => void writers.get(files)?.write(Uint8Array.of(1), 0),
  ]
  for (const change of changes) {
    const { network, up } = await scene()
    const writer = await up.files.open('/dir/written', 'create')
    await writer.write(new Uint8Array(4), 0)
    writers.set(up.files, writer)
    let changed = false
    const onProgress = (): void => {
      if (!changed) change(up.files)
      changed = true
    }
    assert.equal(await network.codeOf(up.storage.put({ directory: '/dir' }, { onProgress })), 'FILE_CHANGED')
  }
})

test('whichever operation fails while a directory is restored, nothing is left, or all of it', async () => {
  const { network, up, down } = await scene()
  up.files.put('/dir/large', new Uint8Array(3))
  const { link } = await network.clock.until(up.storage.put({ directory: '/dir' }))
  let failures = 0
  for (let n = 0; ; n++) {
    const start = down.files.operations
    Object.assign(down.files.faults, { failAt: start + n, code: 'EIO' })
    const outcome = await network.codeOf(down.storage.get(link, '/out/copy'))
    down.files.faults.failAt = null
    if (outcome === 'none') await down.files.removeTree('/out/copy')
    else failures++
    assert.deepEqual(await down.files.list('/out'), ['other'])
    if (start + n >= down.files.operations) break
  }
  assert.ok(failures >= 20, `${failures} failures`)
})
