import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { PLAINTEXT_BYTES_MAX } from '../../src/core/chunks/chunk.ts'
import { chunkAddressOf } from '../../src/core/ids.ts'
import { systemFiles as files } from '../../src/io/files.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import { createWorkers } from '../../src/io/workers.ts'
import { ChunkStore } from '../../src/node/chunk-store.ts'
import { perform } from '../../src/node/perform-work.ts'

test('on a real disk, with real workers, a chunk of 4 MiB is held, found again and read as it was', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-chunks-'))
  const workers = createWorkers()
  try {
    const identity = await generateIdentity()
    const directory = join(root, 'data', 'chunks')
    const plaintext = new Uint8Array(PLAINTEXT_BYTES_MAX).fill(7)
    const context = new Uint8Array(32)
    const sealed = await perform(workers, identity, { id: 1, kind: 'seal-chunk', plaintext, context })
    assert.ok(sealed.kind === 'seal-chunk')
    const address = chunkAddressOf(sealed.address)
    const { stored } = sealed
    const options = { files, workers, identity, directory }
    const store = await ChunkStore.open(options)
    assert.deepEqual(await store.hold(address, Uint8Array.from(stored)), { kind: 'stored' })
    assert.deepEqual(await store.hold(address, Uint8Array.from(stored)), { kind: 'already' })
    const again = await ChunkStore.open(options)
    const read = await again.read(address)
    assert.ok(read.kind === 'found')
    assert.ok(Buffer.from(read.stored).equals(stored))
    assert.deepEqual(await readdir(join(directory, address.slice(0, 2))), [address])
  } finally {
    await workers.close()
    await rm(root, { recursive: true })
  }
})
