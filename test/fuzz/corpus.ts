// Inputs that found something once, or lead to a place that is hard to come to: one small JSON file each. They are tried first, always.
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Json } from './target.ts'

const DIRECTORY = join(import.meta.dirname, '..', 'corpus')

export interface Entry {
  readonly target: string
  /** What it found, or where it led. */
  readonly what: string
  /** Where it was drawn from; null: it was written by hand. */
  readonly seed: number | null
  readonly input: Json
}

export interface Kept extends Entry {
  /** Relative to the corpus. */
  readonly path: string
}

export const readEntry = (path: string): Entry => JSON.parse(readFileSync(path, 'utf8')) as Entry

/** All that is kept, in the order of the files' names. */
export const readCorpus = (): Kept[] =>
  globSync('**/*.json', { cwd: DIRECTORY })
    .toSorted()
    .map((path) => ({ ...readEntry(join(DIRECTORY, path)), path }))

/** Keeps an input; returns the path of its file, relative to where npm runs. */
export const keep = (entry: Entry, name: string): string => {
  const path = join(DIRECTORY, entry.target, `${name}.json`)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(entry, null, 2)}\n`)
  return `test/corpus/${entry.target}/${name}.json`
}
