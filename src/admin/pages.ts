// The files of the page, and nothing else: a path that is not listed here is not looked for. Its programs are TypeScript in a checkout, and
// their types are taken off when they are first asked for; a published build has JavaScript there already.
import { readFile } from 'node:fs/promises'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { dirname, extname, join } from 'node:path'
import type { Answer } from './answer.ts'

const EXTENSION = extname(import.meta.filename)
const HERE = join(import.meta.dirname, 'page')
const UPLOT = join(dirname(createRequire(import.meta.url).resolve('uplot/package.json')), 'dist')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
}

const PROGRAMS = [
  'main',
  'network',
  'asking',
  'charts',
  'node-charts',
  'network-charts',
  'ring',
  'network-ring',
  'table',
  'words',
] as const

/** Where each path's file is; `/` is the page of what is watched. */
const FILES: Readonly<Record<string, string>> = {
  '/page/icon.svg': join(HERE, 'icon.svg'),
  '/page/style.css': join(HERE, 'style.css'),
  '/page/uplot.css': join(UPLOT, 'uPlot.min.css'),
  '/page/uplot.js': join(UPLOT, 'uPlot.iife.min.js'),
  ...Object.fromEntries(PROGRAMS.map((name) => [`/page/${name}${EXTENSION}`, join(HERE, `${name}${EXTENSION}`)])),
}

/** The files of the page. Bounded by FILES: each is kept once it was read, and looked for again where that failed. */
export class Pages {
  readonly #files: Readonly<Record<string, string>>
  readonly #kept = new Map<string, Promise<Answer>>()

  /** With the page of a node, or of a network. */
  constructor(page: 'index' | 'network') {
    this.#files = { ...FILES, '/': join(HERE, `${page}.html`) }
  }

  /** Whether there is a file at a path. */
  has(path: string): boolean {
    return Object.hasOwn(this.#files, path)
  }

  /** The file at a path that `has` one. */
  answer(path: string): Promise<Answer> {
    const kept = this.#kept.get(path)
    if (kept !== undefined) return kept
    const reading = read(this.#files[path] ?? '')
    this.#kept.set(path, reading)
    reading.catch(() => this.#kept.delete(path))
    return reading
  }
}

const read = async (file: string): Promise<Answer> => {
  const text = await readFile(file, 'utf8')
  return { status: 200, type: TYPES[extname(file)] ?? 'text/plain', body: served(file, text) }
}

const served = (file: string, text: string): string => {
  if (extname(file) === '.ts') return stripTypeScriptTypes(text)
  return file.endsWith('.html') ? text.replaceAll(/(?<=\/page\/\w+)\.ts/g, EXTENSION) : text
}
