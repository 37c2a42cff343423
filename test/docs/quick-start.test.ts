// docs/quick-start.md keeps its word: its commands are run as they stand there, by shells in one directory with the files of this repository
// and its node_modules in place of `npm ci`. Those that go on until Ctrl-C get it at the end. Only the port of the page is another.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ownEnvironment, Terminal } from './terminal.ts'

const ROOT = join(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/quick-start.md'), 'utf8')
const directory = mkdtempSync(join(tmpdir(), 'sallyport-quick-start-'))

const terminals: Terminal[] = []
after(() => {
  for (const each of terminals) each.kill()
  rmSync(directory, { recursive: true, force: true })
})

const goesOn = (block: string): Terminal => {
  const terminal = new Terminal('bash', ['-euo', 'pipefail', '-c', block], directory)
  terminals.push(terminal)
  return terminal
}

test('a network, a file up and down, and a node of one’s own', { timeout: 240_000 }, async () => {
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  const [install, network = '', file = '', node = ''] = blocks
  assert.deepEqual([blocks.length, install], [4, 'npm ci\n'])
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  for (const path of String(files).split('\n')) {
    if (/^(?:src|bin)\/|^package\.json$/.test(path) && existsSync(join(ROOT, path))) {
      cpSync(join(ROOT, path), join(directory, path))
    }
  }
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))

  const testnet = goesOn(network)
  await testnet.prints(/^elsewhere: put, get, start and flood take @\S+network\.json/m)
  const shell = ['-euo', 'pipefail', '-c', file]
  const { status, stderr } = spawnSync('bash', shell, { cwd: directory, env: ownEnvironment(), encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.equal(readFileSync(join(directory, 'copy.txt'), 'utf8'), 'a letter to whoever has the link\n')

  const own = goesOn(node.replace(':9464', ':0'))
  const [, admin = ''] = await own.prints(/^admin: (http:\S+)$/m)
  while ((await fetch(new URL('/ready', admin))).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50))
  assert.match(await (await fetch(admin)).text(), /<title>/)
  await own.interrupt()
  await testnet.interrupt()
  assert.ok(!existsSync(join(directory, 'network.json')))
})
