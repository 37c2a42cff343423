// What the documentation shows is TypeScript that compiles: every block of it, each as a module of its own, in one run of tsc. What README.md
// and the pages of QUIC and of simulations show is run besides, by tests of theirs, and so are the examples.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
const directory = mkdtempSync(join(tmpdir(), 'sallyport-snippets-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** What a block may use without saying where it comes from; docs/building.md says so to the reader. */
const GIVEN = `
declare const node: import('sallyport').Node
declare const peerId: import('sallyport').PeerId
declare const session: import('sallyport/quic').Session
declare const bytes: Uint8Array
declare const seed: number
`

const PAGES = ['README.md', ...globSync('docs/*.md', { cwd: ROOT })]

/** The blocks of a page, each at the lines where it stands, so that what tsc says of it leads to the page. */
const blocksOf = (page: string): { readonly path: string; readonly text: string }[] => {
  const lines = readFileSync(join(ROOT, page), 'utf8').split('\n')
  return lines.flatMap((line, at) => {
    if (line !== '```ts') return []
    const code = lines.slice(at + 1, lines.indexOf('```', at))
    return [{ path: `${page}-${at + 1}.ts`, text: `${'\n'.repeat(at + 1)}${code.join('\n')}\n` }]
  })
}

const SETTINGS = {
  extends: join(ROOT, 'tsconfig.json'),
  compilerOptions: {
    moduleDetection: 'force',
    noUnusedLocals: false,
    typeRoots: [join(ROOT, 'node_modules/@types')],
    paths: { sallyport: [join(ROOT, 'src/index.ts')], 'sallyport/*': [join(ROOT, 'src/*/index.ts')] },
  },
  include: ['**/*.ts'],
  exclude: [],
}

test('every block of TypeScript in the documentation compiles', () => {
  const blocks = PAGES.flatMap(blocksOf)
  assert.ok(blocks.length > 0)
  for (const { path, text } of blocks) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  writeFileSync(join(directory, 'given.d.ts'), GIVEN)
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(SETTINGS))
  const { status, stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), ['--project', directory], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout)
})

test('only what other libraries look like is shown in JavaScript, which nobody looks at', () => {
  const shown = PAGES.filter((page) =>
    /^```(?:js|javascript|typescript|mjs)$/m.test(readFileSync(join(ROOT, page), 'utf8')),
  )
  assert.deepEqual(
    shown.filter((page) => !page.startsWith('docs/coming-from-')),
    [],
  )
})
