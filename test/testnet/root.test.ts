// The directory of a test network: what others left behind goes, what is in use or only being made stays.
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { makeRoot } from '../../src/testnet/root.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
const before = process.env['TMPDIR']
process.env['TMPDIR'] = directory
after(() => {
  if (before === undefined) delete process.env['TMPDIR']
  else process.env['TMPDIR'] = before
  rmSync(directory, { recursive: true, force: true })
})

const age = (path: string): void => utimesSync(path, 0, 0)

test('what was left behind is removed, but nothing that is in use, young or called otherwise', async () => {
  const inUse = await makeRoot()
  age(inUse)
  const [left, young, other] = ['sallyport-testnet-left', 'sallyport-testnet-young', 'sallyport-other'].map((name) => {
    const path = join(directory, name)
    mkdirSync(join(path, 'node-0'), { recursive: true })
    writeFileSync(join(path, 'node-0', 'chunk'), 'x')
    return path
  })
  age(left!)
  age(other!)
  const root = await makeRoot()
  assert.deepEqual(
    [inUse, left, young, other, root].map((path) => existsSync(path!)),
    [true, false, true, true, true],
  )
})

test('what leads elsewhere is not followed, whoever put it there', async () => {
  const elsewhere = join(directory, 'documents')
  mkdirSync(elsewhere)
  age(elsewhere)
  const link = join(directory, 'sallyport-testnet-link')
  symlinkSync(elsewhere, link)
  await makeRoot()
  assert.deepEqual([readdirSync(elsewhere), existsSync(link)], [[], true])
})
