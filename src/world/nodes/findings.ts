// What a run found that must never be. The first one ends the run: what follows from it would only hide it.

import { SallyportError } from '../../core/errors.ts'

/** One thing that must never be. */
export interface Finding {
  /** Which rule was broken; the same for every seed that breaks it. */
  readonly rule: string
  /** Milliseconds of the world. */
  readonly at: number
  readonly who: string
  readonly detail: string
}

/** Errors that tell of a mistake of ours, whatever the world does: what the public API never throws, and INTERNAL. */
const isMistake = (error: unknown): boolean => !(error instanceof SallyportError) || error.code === 'INTERNAL'

/** The findings of one run. */
export class Findings {
  readonly #now: () => number
  #first: Finding | null = null

  constructor(now: () => number) {
    this.#now = now
  }

  /** The one that came first, or null. */
  get first(): Finding | null {
    return this.#first
  }

  /** A call failed: as it may, or as it never should. */
  unexpected(error: unknown, who: string, what: string): void {
    if (isMistake(error)) this.add('errors are of the documented kinds', who, `${what}: ${String(error)}`)
  }

  add(rule: string, who: string, detail = ''): void {
    this.#first ??= { rule, at: this.#now(), who, detail }
  }
}
