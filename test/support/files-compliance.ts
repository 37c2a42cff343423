// What every implementation of Files does.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Files } from '../../src/io/ports.ts'

/** Files under test, and an empty directory of them that is there already. */
export interface FilesUnderTest {
  readonly files: Files
  readonly root: string
}

const write = async (files: Files, path: string, text: string): Promise<void> => {
  const file = await files.open(path, 'create')
  await file.write(new TextEncoder().encode(text), 0)
  await file.sync()
  await file.close()
}

const read = async (files: Files, path: string): Promise<string> => {
  const file = await files.open(path, 'read')
  const into = new Uint8Array(await file.size())
  assert.equal(await file.read(into, 0), into.length)
  await file.close()
  return new TextDecoder().decode(into)
}

/** Declares the suite's tests for the implementation `make` gives. */
export const filesCompliance = (make: () => Promise<FilesUnderTest>): void => {
  it('reads back what was written, at any position, and 0 bytes at the end', async () => {
    const { files, root } = await make()
    const file = await files.open(`${root}/a`, 'create')
    await file.write(Uint8Array.of(4, 5, 6), 3)
    await file.write(Uint8Array.of(1, 2, 3), 0)
    await file.write(new Uint8Array(0), 100)
    assert.equal(await file.size(), 6)
    const into = new Uint8Array(4)
    assert.equal(await file.read(into, 1), 4)
    assert.deepEqual([...into], [2, 3, 4, 5])
    assert.equal(await file.read(into, 4), 2)
    assert.deepEqual([...into], [5, 6, 4, 5])
    assert.equal(await file.read(into, 6), 0)
    await file.sync()
    await file.close()
    await file.close()
  })

  it('tells by its version that a file was written to, by whoever has it open', async () => {
    const { files, root } = await make()
    const writer = await files.open(`${root}/a`, 'create')
    await writer.write(Uint8Array.of(1, 2, 3), 0)
    const reader = await files.open(`${root}/a`, 'read')
    const version = await reader.version()
    await reader.read(new Uint8Array(3), 0)
    assert.equal(await reader.version(), version)
    // The clock of a file system has ticks.
    for (let tries = 0; (await reader.version()) === version; tries++) {
      assert.ok(tries < 10_000, 'a byte that changes is a change')
      await writer.write(Uint8Array.of(tries), 1)
    }
    await writer.close()
    await reader.close()
  })

  it('creates only what is not there, and opens only what is', async () => {
    const { files, root } = await make()
    await assert.rejects(files.open(`${root}/a`, 'read'), { code: 'ENOENT' })
    await write(files, `${root}/a`, 'one')
    await assert.rejects(files.open(`${root}/a`, 'create'), { code: 'EEXIST' })
    await assert.rejects(files.open(`${root}/missing/a`, 'create'), { code: 'ENOENT' })
    assert.equal(await read(files, `${root}/a`), 'one')
  })

  it('replaces by renaming', async () => {
    const { files, root } = await make()
    await write(files, `${root}/old`, 'old')
    await write(files, `${root}/new`, 'new')
    await files.rename(`${root}/new`, `${root}/old`)
    assert.equal(await read(files, `${root}/old`), 'new')
    assert.deepEqual(await files.list(root), ['old'])
    await assert.rejects(files.rename(`${root}/new`, `${root}/old`), { code: 'ENOENT' })
  })

  it('puts in place without replacing by linking', async () => {
    const { files, root } = await make()
    await write(files, `${root}/a`, 'a')
    await write(files, `${root}/b`, 'b')
    await assert.rejects(files.link(`${root}/a`, `${root}/b`), { code: 'EEXIST' })
    await files.link(`${root}/a`, `${root}/c`)
    await files.remove(`${root}/a`)
    assert.equal(await read(files, `${root}/c`), 'a')
    assert.equal(await read(files, `${root}/b`), 'b')
  })

  it('removes, also what is not there', async () => {
    const { files, root } = await make()
    await write(files, `${root}/a`, 'a')
    assert.equal(await files.exists(`${root}/a`), true)
    await files.remove(`${root}/a`)
    await files.remove(`${root}/a`)
    await files.remove(`${root}/missing/a`)
    assert.equal(await files.exists(`${root}/a`), false)
  })

  it('makes directories with their parents, and lists names in order', async () => {
    const { files, root } = await make()
    assert.deepEqual(await files.list(`${root}/x/y`), [])
    await files.makeDirectory(`${root}/x/y`)
    await files.makeDirectory(`${root}/x/y`)
    assert.equal(await files.exists(`${root}/x/y`), true)
    for (const name of ['b', 'a', 'B', 'a0']) await write(files, `${root}/x/y/${name}`, '')
    assert.deepEqual(await files.list(`${root}/x/y`), ['B', 'a', 'a0', 'b'])
    assert.deepEqual(await files.list(`${root}/x`), ['y'])
  })

  it('says what is at a path, sets modes, and moves and removes directories with all that is in them', async () => {
    const { files, root } = await make()
    assert.equal(await files.look(`${root}/none`), null)
    await files.makeDirectory(`${root}/x/y`)
    await write(files, `${root}/x/y/a`, 'text')
    await files.setMode(`${root}/x/y/a`, 0o640)
    await files.setMode(`${root}/x/y`, 0o750)
    if (process.platform !== 'win32') {
      const handle = await files.open(`${root}/x/y/a`, 'read')
      const version = await handle.version()
      await handle.close()
      assert.deepEqual(await files.look(`${root}/x/y/a`), { kind: 'file', size: 4, mode: 0o640, version })
      assert.equal((await files.look(`${root}/x/y`))?.mode, 0o750)
    }
    assert.equal((await files.look(`${root}/x/y`))?.kind, 'directory')
    await assert.rejects(files.setMode(`${root}/none`, 0o600), { code: 'ENOENT' })
    await files.rename(`${root}/x`, `${root}/z`)
    assert.equal(await read(files, `${root}/z/y/a`), 'text')
    assert.equal(await files.look(`${root}/x`), null)
    await files.makeDirectory(`${root}/full/inside`)
    await assert.rejects(files.rename(`${root}/z`, `${root}/full`), { code: 'ENOTEMPTY' })
    await files.removeTree(`${root}/z`)
    await files.removeTree(`${root}/z`)
    assert.deepEqual([await files.exists(`${root}/z/y/a`), await files.list(root)], [false, ['full']])
  })

  it('creates for its owner alone what is to be private', { skip: process.platform === 'win32' }, async () => {
    const { files, root } = await make()
    await (await files.open(`${root}/secret`, 'create-private')).close()
    assert.equal((await files.look(`${root}/secret`))?.mode, 0o600)
    await assert.rejects(files.open(`${root}/secret`, 'create-private'), { code: 'EEXIST' })
  })

  it('serves many calls at once, each its own', async () => {
    const { files, root } = await make()
    const names = Array.from({ length: 40 }, (_, i) => `file-${i}`)
    await Promise.all(names.map((name) => write(files, `${root}/${name}`, name)))
    const texts = await Promise.all(names.map((name) => read(files, `${root}/${name}`)))
    assert.deepEqual(texts, names)
  })

  it('lets one lock a directory at a time, of many who try at once', async () => {
    const { files, root } = await make()
    const tries = await Promise.allSettled(Array.from({ length: 12 }, () => files.lock(`${root}/data`)))
    const held = tries.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    assert.equal(held.length, 1)
    for (const result of tries) {
      if (result.status === 'rejected') assert.equal(Reflect.get(result.reason as object, 'code'), 'DATA_DIR_IN_USE')
    }
    await assert.rejects(files.lock(`${root}/data`), { name: 'SallyportError', code: 'DATA_DIR_IN_USE' })
    const other = await files.lock(`${root}/other`)
    await held[0]?.release()
    await held[0]?.release()
    const again = await files.lock(`${root}/data`)
    await again.release()
    await other.release()
  })
}
