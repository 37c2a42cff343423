// The package as its users have it: packed, and unpacked under node_modules of an empty directory beside what it depends on and nothing else.
// There Node takes no types off, so whatever was not built does not run.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { makePackage } from '../build/package.ts'
import { ask } from './admin/client.ts'

const MODULES = join(import.meta.dirname, '../node_modules')

/** Bytes of the tarball at most. */
const PACKED_MAX = 1_000_000

const directory = mkdtempSync(join(tmpdir(), 'sallyport-package-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const app = join(directory, 'app')
const installed = join(app, 'node_modules/sallyport')
const BIN = join(installed, 'bin/sallyport.js')
const made = join(directory, 'made')
const tarball = join(directory, 'sallyport-0.1.0.tgz')

/** Ways to resolve a package that do not know `exports`, or are those of `require`. */
const NOT_FOR: ReadonlySet<string> = new Set(['node10', 'node16-cjs'])

interface Packed {
  readonly size: number
  readonly files: readonly { readonly path: string }[]
}
let packed: Packed = { size: 0, files: [] }

/** As npm would install it, but for what is optional. */
const install = (name: string): void => {
  const at = join(app, 'node_modules', name)
  mkdirSync(dirname(at), { recursive: true })
  symlinkSync(join(MODULES, name), at)
}

before(() => {
  makePackage(made)
  const words = ['pack', made, '--json', '--offline', '--pack-destination', directory]
  // One in a list, or by name, as the npm is.
  ;[packed] = Object.values(JSON.parse(execFileSync('npm', words, { encoding: 'utf8' })) as object) as [Packed]
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['--extract', '--gzip', '--file', tarball, '--directory', installed, '--strip-components', '1'])
  const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as { dependencies: object }
  for (const name of Object.keys(dependencies)) install(name)
})

const succeeds = (command: string, ...words: string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, words, { cwd: app, encoding: 'utf8', timeout: 120_000 })
  assert.equal(status, 0, `${words.join(' ')}\n${stdout}\n${stderr}`)
  return stdout
}

describe('the package', () => {
  test('has what runs and its types, the documents, and nothing else', () => {
    const odd = packed.files
      .map(({ path }) => path)
      .filter((path) => !/^lib\/.+(?:\.js|\.d\.ts)$|^docs\/[^/]+\.md$/.test(path))
    assert.deepEqual(odd.toSorted(), [
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'LICENSE-APACHE',
      'LICENSE-MIT',
      'README.md',
      'bin/sallyport.js',
      'lib/admin/page/icon.svg',
      'lib/admin/page/index.html',
      'lib/admin/page/network.html',
      'lib/admin/page/style.css',
      'package.json',
    ])
    assert.ok(packed.size <= PACKED_MAX, `${packed.size} bytes`)
  })

  test('is as publint wants a package', async () => {
    const { messages } = await publint({ pkgDir: made, pack: false, strict: true })
    assert.deepEqual(messages, [])
  })

  test('has types of what it is, for everybody who can import it: there is nothing to be required', async () => {
    const { types, ...rest } = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(tarball))))
    assert.deepEqual(types, { kind: 'included' })
    const problems = 'problems' in rest ? rest.problems : []
    const forImporters = problems.filter(
      (problem) => !('resolutionKind' in problem && NOT_FOR.has(problem.resolutionKind)),
    )
    assert.deepEqual(forImporters, [])
  })

  test('has a command line that works, in its processes and threads too', () => {
    assert.equal(succeeds(process.execPath, BIN, '--version'), '0.1.0\n')
    const testnet = ['testnet', '--nodes', '8', '--upload-size', '1MB', '--admin', '127.0.0.1:0']
    assert.match(succeeds(process.execPath, BIN, ...testnet), /^the network can be seen at http:[^]*^identical: yes/m)
    assert.match(
      succeeds(process.execPath, BIN, 'flood', '--clients', '2', '--silent', '1'),
      /^2 clients beside 1 silent: 2 identified/m,
    )
  })

  test('has a dashboard: the page, and every file it asks for', async () => {
    const words = [
      'start',
      '--listen',
      '/ip4/127.0.0.1/udp/0/quic-v1',
      '--data',
      'data',
      '--json',
      '--log-level',
      'warn',
    ]
    const node = spawn(process.execPath, [BIN, ...words, '--admin', '127.0.0.1:0'], {
      cwd: app,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(node, 'exit')
    try {
      const [line] = (await Promise.race([once(createInterface(node.stdout), 'line'), exited])) as [string]
      const { admin } = JSON.parse(line) as { admin: string }
      const kinds = await filesOf(admin)
      assert.equal(kinds.get('/page/style.css'), 'text/css; charset=utf-8')
      assert.equal(kinds.get('/page/icon.svg'), 'image/svg+xml')
      const programs = ['main', 'asking', 'charts', 'node-charts', 'ring', 'table', 'words', 'uplot'].map(
        (name) => `/page/${name}.js`,
      )
      for (const path of programs) assert.equal(kinds.get(path), 'text/javascript; charset=utf-8', path)
      assert.ok((await filesOf(admin, '/page/network.js')).has('/page/network-ring.js'))
      assert.equal((await ask(`${admin}/health`)).status, 200)
    } finally {
      node.kill('SIGTERM')
      await exited
    }
  })

  test('is imported by JavaScript, and by TypeScript that takes nothing on trust', () => {
    for (const name of ['@types/node', 'undici-types', '@opentelemetry/api']) install(name)
    const program = [
      `import { createNode, SallyportError } from 'sallyport'`,
      `import { connect, listen } from 'sallyport/quic'`,
      `import { World } from 'sallyport/world'`,
      `import { traceWith } from 'sallyport/otel'`,
      `const entries: readonly unknown[] = [createNode, SallyportError, connect, listen, World, traceWith]`,
      `console.log(entries.map((entry) => typeof entry).join(' '))`,
      `await using node = await createNode({ listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] })`,
      `console.log(node.peerId.length)`,
    ].join('\n')
    writeFileSync(join(app, 'program.mts'), program)
    assert.equal(
      succeeds(process.execPath, 'program.mts'),
      'function function function function function function\n64\n',
    )
    const strict = ['--strict', '--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024,esnext.disposable']
    succeeds(join(MODULES, '.bin/tsc'), 'program.mts', '--noEmit', ...strict, '--types', 'node')
  })
})

/** The content types of a page's files: those it names, and those that its programs import. */
const filesOf = async (url: string, first = '/'): Promise<ReadonlyMap<string, string | undefined>> => {
  const kinds = new Map<string, string | undefined>()
  const waiting = [first]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (kinds.has(path)) continue
    const { status, headers, body } = await ask(url + path)
    assert.equal(status, 200, path)
    kinds.set(path, headers['content-type'])
    const named = body.matchAll(path === '/' ? /(?:href|src)="(\/[^"]*)"/g : /\bfrom '(\.[^']+)'/g)
    for (const [, name = ''] of named) waiting.push(new URL(name, url + path).pathname)
  }
  return kinds
}
