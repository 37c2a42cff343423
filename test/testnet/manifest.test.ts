// The manifest of a test network: what is written is read, and nothing else is taken for one.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { withManifest } from '../../src/cli/manifest.ts'
import { parse } from '../../src/cli/parse.ts'
import { readManifest, writeManifest } from '../../src/testnet/manifest.ts'
import { run } from '../cli/run.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const path = join(directory, 'network.json')
const ADDRESS = `/ip4/127.10.0.1/udp/9000/quic-v1/p2p/${'a'.repeat(64)}`
const WHOLE = { kind: 'sallyport-testnet-1', pid: 7, bootstrap: [ADDRESS], nodes: [ADDRESS, ADDRESS] }

describe('a manifest', () => {
  test('is read as it was written, in place of an earlier one', async () => {
    await writeManifest(path, { pid: 1, bootstrap: [ADDRESS], nodes: [ADDRESS] })
    await writeManifest(path, { pid: WHOLE.pid, bootstrap: WHOLE.bootstrap, nodes: WHOLE.nodes })
    assert.deepEqual(await readManifest(path), WHOLE)
    assert.deepEqual(readdirSync(directory), ['network.json'])
  })

  test('is refused when anything in it is wrong', async () => {
    const wrong: unknown[] = ['', '[]', 'null', '7', '{', JSON.stringify(WHOLE).slice(0, -1)]
    wrong.push({ ...WHOLE, kind: 'sallyport-testnet-2' }, { ...WHOLE, pid: '7' }, { ...WHOLE, bootstrap: [] })
    wrong.push({ ...WHOLE, bootstrap: ADDRESS }, { ...WHOLE, nodes: [ADDRESS, 7] }, { ...WHOLE, nodes: ['localhost'] })
    wrong.push({ ...WHOLE, padding: 'x'.repeat(1 << 20) })
    for (const value of wrong) {
      writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value))
      await assert.rejects(readManifest(path), { code: 'ARGUMENT_INVALID' }, JSON.stringify(value).slice(0, 100))
    }
  })

  test('that is not there is told by its name', async () => {
    await assert.rejects(readManifest(join(directory, 'missing')), { code: 'FILE_NOT_FOUND', message: /missing/ })
  })

  test('stands for its nodes wherever a command takes them', async () => {
    await writeManifest(path, { pid: 1, bootstrap: [ADDRESS], nodes: [ADDRESS] })
    const link = `sallyport:${'a'.repeat(64)}#${'b'.repeat(64)}`
    for (const words of [['start'], ['put', path], ['get', link, '--out', 'copy'], ['doctor']]) {
      const parsed = parse([...words, '--bootstrap', `@${path}`], '')
      assert.ok(parsed.kind === 'run', words.join(' '))
      const { values } = await withManifest(parsed)
      assert.ok('bootstrap' in values)
      assert.deepEqual(values.bootstrap, [ADDRESS], words.join(' '))
    }
    const flood = parse(['flood', `@${path}`], '')
    assert.ok(flood.kind === 'run')
    const { values } = await withManifest(flood)
    assert.equal('argument' in values && values.argument, ADDRESS)
  })

  test('that is none is wrong usage of a command', async () => {
    writeFileSync(path, '{}')
    const finished = await run(['put', path, '--bootstrap', `@${path}`])
    assert.equal(finished.code, 2, finished.stderr)
  })
})
