// The mechanical half of the house style, checked on every file that git knows or would add. What a linter can say is left to the
// linter; what needs judgement is left to readers.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { functionsOf, importsOf, sourceOf } from './tidy/source.ts'
import type { Source } from './tidy/source.ts'

const ROOT = join(import.meta.dirname, '..')
const FILE_LINES_MAX = 500
const FUNCTION_LINES_MAX = 70

const git = (...args: string[]): string[] =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\n').filter(Boolean)

const paths = git('ls-files', '--cached', '--others', '--exclude-standard').filter((path) =>
  existsSync(join(ROOT, path)),
)
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const isCode = (path: string): boolean => /^(src|test|bench|build|examples|interop|bin)\/.*\.(ts|js)$/.test(path)
const code: Source[] = paths.filter(isCode).map((path) => sourceOf(path, read(path)))
const product = code.filter(({ path }) => /^(src|bin|bench|build|examples|interop)\//.test(path))
const within = (...rooms: string[]): Source[] =>
  code.filter(({ path }) => rooms.some((room) => path.startsWith(`src/${room}/`)))

/** Fails with every offence as `path:line what`. */
const none = (offences: readonly string[]): void => assert.deepEqual(offences, [])

const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length

const offences = (sources: readonly Source[], pattern: RegExp, of: 'code' | 'text' = 'code'): string[] =>
  sources.flatMap((source) =>
    [...source[of].matchAll(pattern)].map(
      (match) => `${source.path}:${lineOf(source[of], match.index)} ${match[0].trim()}`,
    ),
  )

describe('shape', () => {
  test('no file is longer than 500 lines, tables of vectors apart', () => {
    const long = code.filter(
      ({ path, text }) => text.split('\n').length > FILE_LINES_MAX + 1 && !/^test\/.*vectors/.test(path),
    )
    none(long.map(({ path }) => path))
  })

  test('no example is longer than 40 lines, and the chat no longer than 60', () => {
    const linesMax = (path: string): number => (path === 'examples/10-chat.ts' ? 60 : 40)
    const long = code.filter(
      ({ path, text }) => /^examples\/\d/.test(path) && text.trimEnd().split('\n').length > linesMax(path),
    )
    none(long.map(({ path }) => path))
  })

  test('no function is longer than 70 lines', () => {
    none(
      product.flatMap((source) =>
        functionsOf(source)
          .filter(({ lines }) => lines > FUNCTION_LINES_MAX)
          .map(({ line, lines }) => `${source.path}:${line} ${lines} lines`),
      ),
    )
  })

  test('every file says first what it is, tests apart, whose names do', () => {
    const silent = code.filter(({ path, text }) => !path.endsWith('.test.ts') && !/^(#!.*\n)?\/\/ \S/.test(text))
    none(silent.map(({ path }) => path))
  })
})

describe('names', () => {
  test('files are named in kebab-case, and none is called types', () => {
    const bad = code.filter(({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)?(\.test)?\.(ts|js)$/.test(basename(path)))
    none([...bad, ...code.filter(({ path }) => basename(path) === 'types.ts')].map(({ path }) => path))
  })

  test('nothing is called after a role that says nothing', () => {
    const words = 'manager|helper|service|utils?|impl'
    none(paths.filter((path) => isCode(path) && new RegExp(`(^|[/.-])(${words})s?([/.-]|$)`).test(path)))
    const declared = `\\b(?:class|interface|type|const|let|function)\\s+`
    none(offences(code, new RegExp(`${declared}\\w*(?:Manager|Helper|Service|Utils?|Impl)s?(?![a-z])`, 'g')))
    none(offences(code, new RegExp(`${declared}(?:${words})s?\\b`, 'g')))
    none(offences(code, /\binterface\s+I[A-Z]\w*/g))
  })
})

describe('syntax', () => {
  test('there is no enum, namespace, default export or decorator', () => {
    none(offences(code, /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w+/gm))
    none(offences(code, /^\s*(?:export\s+)?(?:declare\s+)?(?:namespace|module)\s+[\w.]+\s*\{/gm))
    none(offences(code, /\bexport\s+default\b/g))
    none(offences(code, /^\s*@\w+/gm))
  })

  test('there is no parameter property and no accessibility keyword', () => {
    none(offences(code, /\bconstructor\s*\((?:[^)]*,)?\s*(?:public|private|protected|readonly)\b/g))
    none(offences(code, /^\s+(?:public|private|protected)\s+(?!constructor)\w+/gm))
  })

  test('nothing is left for later', () => none(offences(code, /\b(?:TO[D]O|FIX[M]E|X[X]X)\b/g, 'text')))

  test('no test runs alone', () => {
    none(offences(code, /\b(?:test|it|describe|suite)\.only\b|\bonly:\s*true/g))
  })
})

describe('rings', () => {
  const core = within('core')

  test('core knows no promise, clock, chance or global object', () => {
    none(offences(core, /(?<![.\w#])(?:async|await|Promise|Date|globalThis)\b|\bMath\.random\b/g))
  })

  test('the strategies of the lab know none either: real and virtual time both run them', () => {
    const pattern = /(?<![.\w#])(?:async|await|Promise|Date|setTimeout|setImmediate|performance)\b|\bMath\.random\b/g
    none(offences(within('lab/strategies'), pattern))
  })

  test('core imports core and cborg, nothing else', () => {
    none(
      core.flatMap((source) =>
        importsOf(source)
          .filter((name) => !/^cborg(\/|$)/.test(name))
          .filter((name) => !posix.join(dirname(source.path), name).startsWith('src/core/') || !name.startsWith('.'))
          .map((name) => `${source.path} ${name}`),
      ),
    )
  })

  test('only the outer rooms import Node modules', () => {
    const outer = /^src\/(io|cli|testnet|siege|lab|admin|otel)\//
    const inner = code.filter(({ path }) => path.startsWith('src/') && !outer.test(path))
    none(
      inner.flatMap((source) =>
        importsOf(source)
          .filter((name) => name.startsWith('node:'))
          .map((name) => `${source.path} ${name}`),
      ),
    )
  })

  test('quic knows nothing of nodes: of their room it imports what drives connections, and nobody imports it', () => {
    const drives =
      /^src\/node\/(abandonable|acceptance|close-reasons|endpoint|endpoint-options|given-tokens|link|link-config|quic|schedule|send-pool)\.ts$/
    const target = (path: string, name: string): string => posix.join(dirname(path), name)
    const reaches = (source: Source): string[] => importsOf(source).map((name) => target(source.path, name))
    const foreign = within('quic').flatMap((source) =>
      reaches(source)
        .filter((path) => path.startsWith('src/node/') && !drives.test(path))
        .map((path) => `${source.path} ${path}`),
    )
    const inward = code
      .filter(({ path }) => path.startsWith('src/') && !path.startsWith('src/quic/'))
      .flatMap((source) => reaches(source).filter((path) => path.startsWith('src/quic/')))
    none([...foreign, ...inward])
  })

  test('node and quic reach clocks, timers and chance only through ports', () => {
    const globals = 'setTimeout|setInterval|setImmediate|queueMicrotask|performance|process|Date'
    none(
      offences(
        within('node', 'quic'),
        new RegExp(`(?<![.\\w#])(?:${globals})\\b(?!\\s*[?:])|\\bAbortSignal\\.timeout\\b|\\bMath\\.random\\b`, 'g'),
      ),
    )
  })
})

describe('repository', () => {
  test('no file names a machine path or a package registry', () => {
    const texts = paths
      .filter((path) => !/\.(png|svg|bin)$/.test(path))
      .map((path) => ({ path, text: read(path), code: '' }))
    none(offences(texts, /(?<![\w.])\/(?:wor[k]|far[m]|roo[t]|hom[e]\/\w+)\/|\/tmp\/(?:stu[d]io|w[t]|pla[n])/g, 'text'))
    none(
      offences(
        texts,
        /registry\.npm[j]s|registry\.yarn[p]kg|pypi\.or[g]|files\.python[h]osted|crates\.i[o]|proxy\.go[l]ang/g,
        'text',
      ),
    )
  })

  test('npm test runs each test file, once', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const parts = [...(scripts['test'] ?? '').matchAll(/npm run -s (\S+)/g)].map(([, name = '']) => scripts[name] ?? '')
    const run = parts.flatMap((part) => [...part.matchAll(/"([^"]+)"/g)].flatMap(([, glob = '']) => globSync(glob)))
    const all = paths.filter((path) => path.endsWith('.test.ts'))
    assert.deepEqual(run.toSorted(), all.toSorted())
  })

  test('every link of the documentation leads somewhere', () => {
    none(
      paths
        .filter((path) => path.endsWith('.md'))
        .flatMap((path) =>
          linksOf(path)
            .filter((link) => !resolves(path, link))
            .map((link) => `${path} ${link}`),
        ),
    )
  })

  test('every decision record is linked from another page', () => {
    const linked = new Set(
      paths
        .filter((path) => path.endsWith('.md'))
        .flatMap((path) =>
          linksOf(path)
            .map((link) => targetOf(path, link))
            .filter((target) => target !== path),
        ),
    )
    const records = paths.filter((path) => /^docs\/decisions\/.*\.md$/.test(path) && basename(path) !== 'README.md')
    none(records.filter((record) => !linked.has(record)))
  })
})

const linksOf = (path: string): string[] =>
  [
    ...read(path)
      .replaceAll(/```[\s\S]*?```/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map((match) => match[1]!)
    .filter((link) => !/^[a-z]+:/.test(link))

const targetOf = (path: string, link: string): string => {
  const file = link.split('#')[0]!
  return file === '' ? path : posix.join(dirname(path), file)
}

const resolves = (path: string, link: string): boolean => {
  const target = targetOf(path, link)
  if (!existsSync(join(ROOT, target))) return false
  const anchor = link.split('#')[1]
  return anchor === undefined || anchorsOf(target).includes(anchor)
}

/** The anchors of a page's headings as Markdown viewers derive them. */
const anchorsOf = (path: string): string[] =>
  [...read(path).matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
