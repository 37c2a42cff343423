// The pages of docs/ as a whole: each can be reached from the index, and the API reference is of all that the package exports. That links
// lead somewhere is looked at in tidy.test.ts.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** What a text of a page links to, in the repository. */
const linkedFrom = (text: string, page: string): string[] =>
  [...text.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => posix.join(dirname(page), link))

test('every page of docs/ can be reached from its index', () => {
  const reached = new Set(['docs/README.md'])
  for (const page of reached) {
    if (page.startsWith('docs/') && page.endsWith('.md'))
      for (const next of linkedFrom(read(page), page)) reached.add(next)
  }
  const pages = globSync('docs/**/*.{md,svg,png,cddl}', { cwd: ROOT, exclude: ['docs/api/**'] })
  assert.deepEqual(
    pages.filter((page) => !reached.has(page)),
    [],
  )
})

test('what is quoted in a table of figures or of threats stands in what its row links to', () => {
  for (const page of ['docs/performance.md', 'docs/security.md']) {
    for (const row of read(page).split(/\n\n|\n(?=\|)/)) {
      const sources = linkedFrom(row, page).map(read)
      for (const [, quote = ''] of row.matchAll(/“([^”]+)”/g)) {
        assert.ok(
          sources.some((source) => source.includes(quote)),
          `${page}: “${quote}”`,
        )
      }
    }
  }
})

test('the API reference is of every entry of the package', () => {
  const { exports } = JSON.parse(read('package.json')) as {
    exports: Record<string, string>
  }
  const { entryPoints } = JSON.parse(read('docs/api/typedoc.json')) as {
    entryPoints: readonly string[]
  }
  const entries = entryPoints.map((path) => `./${posix.join('docs/api', path)}`)
  assert.deepEqual(entries.toSorted(), Object.values(exports).toSorted())
})
