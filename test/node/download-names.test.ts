// Names for downloads as long as a file system takes them: what stands there until all is verified needs a name that fits too.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemFiles } from '../../src/io/files.ts'
import { fileSink } from '../../src/node/download-sink.ts'
import { treeSink } from '../../src/node/tree-sink.ts'
import { SeededRandom } from '../support/seeded-random.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-names-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const surroundings = { files: systemFiles, random: new SeededRandom(1) }

/** 255 bytes each; in the last two a character has two halves, and the cut falls between two characters or into one. */
const LONGEST = {
  'one byte each': 'n'.repeat(255),
  'four bytes each': `${'🗝'.repeat(63)}abc`,
  'one byte, then four bytes each': `abc${'🗝'.repeat(63)}`,
}

for (const [how, name] of Object.entries(LONGEST)) {
  test(`a file can have a name of 255 bytes, of characters of ${how}`, async () => {
    const sink = await fileSink(surroundings, { out: join(directory, name), force: false })
    await sink.write(Uint8Array.of(1, 2, 3), 0, new AbortController().signal)
    await sink.finish()
    assert.deepEqual(readdirSync(directory), [name])
    assert.deepEqual([...readFileSync(join(directory, name))], [1, 2, 3])
    rmSync(join(directory, name))
  })

  test(`a directory can have such a name, of characters of ${how}`, async () => {
    const sink = await treeSink(surroundings, join(directory, name))
    assert.equal(readdirSync(directory).length, 1)
    await sink.abandon(new Error('enough was seen'))
    assert.deepEqual(readdirSync(directory), [])
  })
}
