// Makes the package that is published: JavaScript and types of what can be reached from its entries, the files of the dashboard that are no
// programs, and a manifest of its own. A checkout runs as it is, but under node_modules Node takes no types off. `npm run build` makes it in
// dist/, from where it is packed and published: `npm pack ./dist`.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const PROJECTS = ['tsconfig.json', 'page-tsconfig.json']

/** What the package's manifest takes over as it is. */
const KEPT = [
  'name',
  'version',
  'description',
  'keywords',
  'license',
  'author',
  'bin',
  'type',
  'dependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'optionalDependencies',
  'engines',
]

const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'LICENSE-APACHE', 'LICENSE-MIT']

const PAGE = 'admin/page'

/** Makes the package in a directory, in place of whatever is there. */
export const makePackage = (directory: string): void => {
  rmSync(directory, { recursive: true, force: true })
  const lib = join(directory, 'lib')
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  for (const project of PROJECTS)
    execFileSync(tsc, ['--project', join(import.meta.dirname, project), '--outDir', lib], { stdio: 'inherit' })
  // What tsc leaves where it is, the server of the page is to find beside its programs.
  for (const name of readdirSync(join(ROOT, 'src', PAGE)))
    if (!/\.(?:ts|json)$/.test(name)) cpSync(join(ROOT, 'src', PAGE, name), join(lib, PAGE, name))
  write(directory, 'bin/sallyport.js', read('bin/sallyport.js').replace('../src/cli/main.ts', '../lib/cli/main.js'))
  const pages = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  for (const name of [...DOCUMENTS, ...pages.map((page) => `docs/${page}`)]) write(directory, name, read(name))
  write(directory, 'package.json', `${JSON.stringify(manifest(), null, 2)}\n`)
}

const manifest = (): object => {
  const whole = JSON.parse(read('package.json')) as Record<string, unknown> & { exports: Record<string, string> }
  const exported = Object.entries(whole.exports).map(([name, source]) => {
    const built = source.replace('./src/', './lib/')
    return [name, { types: built.replace(/\.ts$/, '.d.ts'), default: built.replace(/\.ts$/, '.js') }]
  })
  return { ...Object.fromEntries(KEPT.map((key) => [key, whole[key]])), exports: Object.fromEntries(exported) }
}

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

const write = (directory: string, path: string, text: string): void => {
  mkdirSync(dirname(join(directory, path)), { recursive: true })
  writeFileSync(join(directory, path), text, { mode: path.startsWith('bin/') ? 0o755 : 0o644 })
}

if (import.meta.main) makePackage(resolve(process.argv[2] ?? join(ROOT, 'dist')))
