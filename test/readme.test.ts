// The README keeps its word: every shell block is run, in its order, in an empty directory that gets nothing but the files of this
// repository, and the ten lines of code are run there too. The one exception is the block that runs the tests: that one is the run which
// this test is part of, and CI starts it in a fresh clone.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

const ROOT = join(import.meta.dirname, '..')
const TESTS = 'npm ci && npm test'
const BLOCK_MS = 240_000

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
const blocksOf = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => match[1]!.trim())

/** Without what npm and the test runner tell their children: the blocks are run as from a shell of one's own. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_TEST_CONTEXT$/.test(name)),
)

const directory = mkdtempSync(join(tmpdir(), 'sallyport-readme-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const shell = (block: string): string => {
  const env = { ...environment, npm_config_prefer_offline: 'true' }
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', block], {
    cwd: directory,
    env,
    encoding: 'utf8',
    timeout: BLOCK_MS,
  })
  assert.equal(status, 0, `${block}\n${stdout}\n${stderr}`)
  return stdout
}

describe('the README', () => {
  test('has the two commands', () => {
    const blocks = blocksOf('sh')
    assert.ok(blocks.includes('npm ci && npm run demo'))
    assert.ok(blocks.includes(TESTS))
  })

  test('has shell blocks that do what it says in an empty directory, and the demo says what it did', () => {
    const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    for (const path of files.split('\n').filter((each) => each !== '' && existsSync(join(ROOT, each)))) {
      cpSync(join(ROOT, path), join(directory, path))
    }
    const blocks = blocksOf('sh').filter((block) => block !== TESTS)
    const installing = blocks.filter((block) => block.startsWith('npm ci'))
    const others = blocks.filter((block) => !block.startsWith('npm ci'))
    assert.match(installing.map(shell).join('\n'), DEMO)
    others.forEach(shell)
  })

  test('has ten lines of code that run', () => {
    const [code] = blocksOf('ts')
    assert.ok(code !== undefined && code.split('\n').filter((line) => line.trim() !== '').length <= 10)
    writeFileSync(join(directory, 'readme.ts'), code)
    assert.equal(shell('npm exec -- node readme.ts').trim().split('\n').at(-1), 'hello')
  })
})

/** What the demo prints on stdout, in this order. */
const DEMO = new RegExp(
  [
    String.raw`25 nodes formed in [\d.]+ s`,
    String.raw`uploaded 20\.0 MB as 5 chunks to 7 holders each in [\d.]+ s`,
    String.raw`sallyport:[0-9a-f]{64}#[0-9a-f]{64}`,
    String.raw`downloaded by a new node in [\d.]+ s`,
    String.raw`identical: yes \(sha256 [0-9a-f]{64}\)`,
    String.raw`accepted (\d+), registered \1, reading \1`,
  ].join('\n'),
)
