// The manifest of a test network: what is written is read, and nothing else is taken for one.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { withManifest } from '../../src/cli/manifest.ts'
import { parse } from '../../src/cli/parse.ts'
import { readManifest, writeManifest } from '../../src/testnet/manifest.ts'
import { Network } from '../../src/testnet/network.ts'
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
    rmSync(path, { force: true })
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

  test('takes the place of nothing else', async () => {
    const file = join(directory, 'of-mine.json')
    writeFileSync(file, '{ "of": "mine" }')
    const manifest = { pid: process.pid, bootstrap: [ADDRESS], nodes: [ADDRESS] }
    for (const place of [file, directory]) await assert.rejects(writeManifest(place, manifest), { code: 'FILE_EXISTS' })
    const finished = await run(['testnet', '--nodes', '8', '--manifest', directory])
    assert.equal(finished.code, 1)
    assert.match(finished.stderr, /is there already, and is no manifest/)
    assert.equal(readFileSync(file, 'utf8'), '{ "of": "mine" }')
  })

  test('is all that the end of a network removes where it was to be', async () => {
    const place = join(directory, 'documents')
    mkdirSync(place)
    writeFileSync(join(place, 'letter'), 'x')
    const others = join(directory, 'of-others.json')
    await writeManifest(others, { pid: process.pid + 1, bootstrap: [ADDRESS], nodes: [ADDRESS] })
    for (const manifest of [place, others]) {
      const network = await Network.start({ nodes: 8, processes: 2, manifest })
      await network.end()
    }
    assert.deepEqual(readdirSync(place), ['letter'])
    assert.equal((await readManifest(others)).pid, process.pid + 1)
  })
})
