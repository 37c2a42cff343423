// Builds the peers into a cache outside the repository: a virtual environment of Python, binaries of Go and Rust. What is built once
// is used again as long as its sources and pins are the same. Where a toolchain is missing, its peer is absent.
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { outputOf, Run } from './process.ts'

const SOURCES = import.meta.dirname
const BUILD_MS = 20 * 60_000
const ASK_MS = 20_000

/** A program that was built, or why it was not. */
export type Built =
  | { readonly kind: 'built'; readonly file: string }
  | { readonly kind: 'absent' | 'broken'; readonly reason: string }

/** Where what is built is kept. */
export const cacheDirectory = (): string =>
  process.env['SALLYPORT_INTEROP_CACHE'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sallyport-interop')

/** A program by its name, in PATH or the directories where Debian keeps what root runs. */
export const found = (name: string): string | null =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path)) ?? null

/** The version pinned in a file of a peer's sources, by a pattern with one group. */
export const pinned = (file: string, pattern: RegExp): string =>
  pattern.exec(readFileSync(join(SOURCES, file), 'utf8'))?.[1] ?? 'unknown'

/** aioquic in an environment of its own; the program is its Python. */
export const buildAioquic = async (): Promise<Built> => {
  const python = found('python3')
  if (python === null) return { kind: 'absent', reason: 'no python3' }
  const requirements = join(SOURCES, 'aioquic/requirements.txt')
  return built('aioquic', [requirements], async (directory) => {
    const environment = join(directory, 'venv')
    const file = join(environment, 'bin/python')
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', requirements]
    const failure = (await run(python, ['-m', 'venv', '--clear', environment])) ?? (await run(file, install)) ?? null
    return failure === null ? { kind: 'built', file } : { kind: 'broken', reason: failure }
  })
}

/** quic-go, by Go's own build cache. */
export const buildQuicGo = async (): Promise<Built> => {
  const go = found('go')
  if (go === null) return { kind: 'absent', reason: 'no go' }
  const sources = join(SOURCES, 'quic-go')
  return built('quic-go', globSync(join(sources, '*')), async (directory) => {
    const file = join(directory, 'peer')
    const failure = await run(go, ['build', '-mod=readonly', '-buildvcs=false', '-o', file, '.'], sources)
    return failure === null ? { kind: 'built', file } : { kind: 'broken', reason: failure }
  })
}

/** quinn. Its lock file is kept without the name of the registry, which is put back here. */
export const buildQuinn = async (): Promise<Built> => {
  const cargo = found('cargo')
  if (cargo === null) return { kind: 'absent', reason: 'no cargo' }
  const sources = join(SOURCES, 'quinn')
  const files = ['Cargo.toml', 'pins.lock', ...globSync('src/*.rs', { cwd: sources })]
  return built(
    'quinn',
    files.map((name) => join(sources, name)),
    async (directory) => {
      for (const name of files) {
        mkdirSync(dirname(join(directory, name)), { recursive: true })
        copyFileSync(join(sources, name), join(directory, name))
      }
      const failure = (await lock(cargo, directory)) ?? (await run(cargo, ['build', '--locked'], directory))
      const file = join(directory, 'target/debug/interop-quinn')
      return failure === null ? { kind: 'built', file } : { kind: 'broken', reason: failure }
    },
  )
}

/** Where cargo takes packages from is said by a lock file of its own making. */
const lock = async (cargo: string, directory: string): Promise<string | null> => {
  const failure = await run(cargo, ['generate-lockfile', '--quiet'], directory)
  if (failure !== null) return failure
  const path = join(directory, 'Cargo.lock')
  const source = /^source = "[^"]+"$/m.exec(readFileSync(path, 'utf8'))?.[0]
  if (source === undefined) return 'cargo names no source of packages'
  writeFileSync(path, readFileSync(join(directory, 'pins.lock'), 'utf8').replaceAll('source = "registry"', source))
  return null
}

/** Builds in a directory of the name, unless that was done before from the same files. */
const built = async (
  name: string,
  files: readonly string[],
  build: (directory: string) => Promise<Built>,
): Promise<Built> => {
  const directory = join(cacheDirectory(), name)
  mkdirSync(directory, { recursive: true })
  const hash = createHash('sha256')
  for (const file of files.toSorted()) hash.update(readFileSync(file))
  const digest = hash.digest('hex')
  const stamp = join(directory, 'built.json')
  const before = existsSync(stamp)
    ? (JSON.parse(readFileSync(stamp, 'utf8')) as { digest: string; file: string })
    : null
  if (before?.digest === digest && existsSync(before.file)) return { kind: 'built', file: before.file }
  console.log(`building ${name}`)
  const result = await build(directory)
  if (result.kind === 'built') writeFileSync(stamp, JSON.stringify({ digest, file: result.file }))
  return result
}

/** Runs a step of a build; null, or what it said when it failed. */
const run = async (file: string, args: readonly string[], cwd?: string): Promise<string | null> => {
  const step = new Run({ file, args, ...(cwd !== undefined && { cwd }) })
  const ended = await step.end(BUILD_MS)
  if (ended && step.code === 0) return null
  return `${[file, ...args].join(' ')}: ${ended ? step.output.split('\n').slice(-12).join('\n') : 'took too long'}`
}

/** The version of a Debian package that is installed, or null. */
export const debianVersion = async (name: string): Promise<string | null> => {
  const file = found('dpkg-query')
  if (file === null) return null
  const shown = await outputOf({ file, args: ['--show', name] }, ASK_MS)
  return shown?.split('\t')[1]?.trim() ?? null
}
