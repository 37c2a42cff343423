// The machine's files and the files in memory under one suite; then locks across processes, and the memory's faults.
import assert from 'node:assert/strict'
import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { systemFiles } from '../../src/io/files.ts'
import { filesCompliance } from '../support/files-compliance.ts'
import { MemoryFiles } from '../support/memory-files.ts'

const made: string[] = []
const children: ChildProcess[] = []
const fresh = async (): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'sallyport-files-'))
  made.push(directory)
  return directory
}
after(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const directory of made) await rm(directory, { recursive: true, force: true })
})

describe('files of the machine', () => {
  filesCompliance(async () => ({ files: systemFiles, root: await fresh() }))

  it('makes directories for their owner alone', { skip: process.platform === 'win32' }, async () => {
    const root = await fresh()
    await systemFiles.makeDirectory(join(root, 'a', 'b'))
    for (const name of ['a', join('a', 'b')]) assert.equal((await stat(join(root, name))).mode & 0o777, 0o700)
  })
})

describe('directories', () => {
  it('are refused, not tried for ever, where nobody can make one', { skip: process.platform !== 'linux' }, async () => {
    await assert.rejects(systemFiles.makeDirectory('/proc/sallyport/x'), { code: 'IO_FAILED' })
  })

  it('are refused where a file is in the way, which is no reason to replace it', async () => {
    const root = await fresh()
    await writeFile(join(root, 'file'), '')
    for (const path of [join(root, 'file'), join(root, 'file', 'x', 'y')])
      await assert.rejects(systemFiles.makeDirectory(path), { code: 'IO_FAILED' })
  })

  it('are made by several at once', async () => {
    const path = join(await fresh(), 'a', 'b', 'c')
    await Promise.all(Array.from({ length: 8 }, () => systemFiles.makeDirectory(path)))
    assert.ok((await stat(path)).isDirectory())
  })
})

/** A process that tries to lock `directory` and says how that went: test/io/locking-process.ts. */
const start = async (directory: string): Promise<{ child: ChildProcess; outcome: string }> => {
  const child = fork(new URL('locking-process.ts', import.meta.url), [directory], { execArgv: [] })
  children.push(child)
  const [outcome] = (await once(child, 'message')) as [string]
  return { child, outcome }
}

const kill = async (child: ChildProcess): Promise<void> => {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

describe('the lock of a data directory', () => {
  it('is respected by another process, and goes with its own when that is killed', async () => {
    const directory = await fresh()
    const first = await start(directory)
    assert.equal(first.outcome, 'locked')
    await assert.rejects(systemFiles.lock(directory), (error: Error) => error.message.includes(String(first.child.pid)))
    await kill(first.child)
    const lock = await systemFiles.lock(directory)
    assert.equal((await start(directory)).outcome, 'DATA_DIR_IN_USE')
    await lock.release()
    assert.deepEqual(await readdir(directory), [])
  })

  it('is had by exactly one of many processes that start at once over a dead one', async () => {
    const directory = await fresh()
    const dead = await start(directory)
    await kill(dead.child)
    const all = await Promise.all(Array.from({ length: 5 }, () => start(directory)))
    const outcomes = all.map(({ outcome }) => outcome).toSorted((a, b) => (a < b ? -1 : 1))
    for (const { child } of all) child.kill('SIGKILL')
    assert.deepEqual(outcomes, [...Array<string>(4).fill('DATA_DIR_IN_USE'), 'locked'])
  })

  it(
    'ignores a process that has the number of the dead one but started later',
    { skip: process.platform !== 'linux' },
    async () => {
      const directory = await fresh()
      const lock = await systemFiles.lock(directory)
      const [name = ''] = await readdir(directory)
      await lock.release()
      const [word, host, boot, pid, started, random] = name.split('-')
      const earlier = [word, host, boot, pid, Number(started) - 1, random].join('-')
      const beforeBoot = [word, host, '00000000', pid, started, random].join('-')
      for (const stale of [earlier, beforeBoot]) {
        await writeFile(join(directory, stale), 'held')
        const again = await systemFiles.lock(directory)
        await again.release()
        assert.deepEqual(await readdir(directory), [])
      }
      const elsewhere = [word, '00000000', boot, pid, started, random].join('-')
      await writeFile(join(directory, elsewhere), 'held')
      await assert.rejects(systemFiles.lock(directory), { code: 'DATA_DIR_IN_USE', message: /another machine/ })
    },
  )

  it('gives way to one that is announcing itself under an earlier name, and leaves nothing behind', async () => {
    const directory = await fresh()
    const lock = await systemFiles.lock(directory)
    const [name = ''] = await readdir(directory)
    await lock.release()
    await writeFile(join(directory, name.replace(/[0-9a-f]{8}$/, '00000000')), '')
    await assert.rejects(systemFiles.lock(directory), { code: 'DATA_DIR_IN_USE' })
    assert.equal((await readdir(directory)).length, 1)
  })
})

/** Runs a shell's script in a directory that is a disk of 64 KiB, which nobody else sees and which is gone afterwards; null where that cannot be. */
const onSmallDisk = (directory: string, script: string): string | null => {
  const mounted = `mount -t tmpfs -o size=64k none "$1" && cd "$1" && ${script}`
  const { status, stdout } = spawnSync('unshare', ['-m', 'sh', '-c', mounted, 'sh', directory], { encoding: 'utf8' })
  return status === 0 ? stdout : null
}

describe('a full disk', () => {
  it('can be locked all the same, and once', async (t) => {
    const directory = await fresh()
    if (onSmallDisk(directory, 'true') === null) return t.skip('no disk of its own can be had here')
    const files = new URL('../../src/io/files.ts', import.meta.url)
    const twice = `
      const { systemFiles } = await import('${files.href}')
      const lock = await systemFiles.lock('data')
      await systemFiles.lock('data').catch((error) => console.log(error.code))
      await lock.release()
      await systemFiles.lock('data')
      console.log('locked again')`
    const fill = 'mkdir data; dd if=/dev/zero of=fill bs=4096 2>/dev/null'
    const said = onSmallDisk(directory, `${fill}; "${process.execPath}" --input-type=module -e "${twice}"`)
    assert.equal(said, 'DATA_DIR_IN_USE\nlocked again\n')
  })
})

describe('files in memory', () => {
  const memory = (): MemoryFiles => new MemoryFiles()
  filesCompliance(async () => {
    const files = memory()
    await files.makeDirectory('/root')
    return { files, root: '/root' }
  })

  const save = async (files: MemoryFiles, synced: boolean): Promise<void> => {
    await files.makeDirectory('/d')
    const file = await files.open('/d/new', 'create')
    await file.write(Uint8Array.of(1, 2, 3), 0)
    if (synced) await file.sync()
    await file.close()
    await files.rename('/d/new', '/d/kept')
  }

  it('keep what was synced and renamed over a crash, and nothing that was not', async () => {
    const files = memory()
    await save(files, true)
    const file = await files.open('/d/lost', 'create')
    await file.write(Uint8Array.of(9), 0)
    await file.sync()
    files.crash()
    assert.deepEqual(files.paths, ['/d/kept'])
    assert.deepEqual(files.peek('/d/kept'), Uint8Array.of(1, 2, 3))
    await assert.rejects(file.write(Uint8Array.of(9), 0), { code: 'EBADF' })
  })

  it('show who renames without syncing: the name is there, the bytes are not', async () => {
    const files = memory()
    await save(files, false)
    assert.deepEqual(files.peek('/d/kept'), Uint8Array.of(1, 2, 3))
    files.crash()
    assert.deepEqual(files.peek('/d/kept'), new Uint8Array(0))
  })

  it('bring back over a crash what was removed but not synced', async () => {
    const files = memory()
    await save(files, true)
    await files.remove('/d/kept')
    files.crash()
    assert.deepEqual(files.paths, ['/d/kept'])
  })

  it('are full after so many bytes, in the middle of a write', async () => {
    const files = memory()
    files.faults.spaceBytes = 2
    await assert.rejects(save(files, true), { code: 'ENOSPC' })
    assert.deepEqual(files.peek('/d/new'), Uint8Array.of(1, 2))
    await assert.rejects(save(files, true), { code: 'EEXIST' })
  })

  it('fail at any one call, or from it on', async () => {
    const files = memory()
    await save(files, true)
    const calls = files.log.map(({ operation }) => operation)
    assert.deepEqual(calls, ['makeDirectory', 'create', 'write', 'sync', 'close', 'rename'])
    for (let at = 0; at < calls.length; at++) {
      const broken = memory()
      Object.assign(broken.faults, { failAt: at, code: 'EIO' })
      await assert.rejects(save(broken, true), { code: 'EIO' })
      assert.equal(broken.peek('/d/kept'), null)
      assert.equal(broken.operations, at + 1)
    }
    const dead = memory()
    Object.assign(dead.faults, { failAt: 0, lasting: true })
    await assert.rejects(save(dead, true), { code: 'EIO' })
    await assert.rejects(dead.list('/'), { code: 'EIO' })
  })

  it('hang until they are released', async () => {
    const files = memory()
    files.faults.hang = new Set(['sync'])
    let done = false
    const saving = save(files, true).then(() => (done = true))
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(done, false)
    files.release()
    await saving
    assert.equal(done, true)
  })

  it('free a lock by a crash', async () => {
    const files = memory()
    const lock = await files.lock('/d')
    files.crash()
    await files.lock('/d')
    await lock.release()
    await assert.rejects(files.lock('/d'), { code: 'DATA_DIR_IN_USE' })
  })
})
