// What can be fuzzed: a target draws inputs from a seed and checks one. Inputs are plain data, so that a finding can be kept and tried again.
import { fromHex, toHex } from '../../src/core/bytes.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** An input as a corpus keeps it: JSON, bytes as hexadecimal digits. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

export interface Target {
  readonly name: string
  /** How many inputs `npm test` tries; a few seconds of all targets together. */
  readonly runs: number
  draw(random: SeededRandom): Json
  /** Throws where something is wrong; otherwise says in a word where the input led, so that what leads to rare places can be kept. */
  check(input: Json): string | Promise<string>
}

/** Makes a target of functions that know the form of their inputs. */
export const target = <Input extends Json>(of: {
  readonly name: string
  readonly runs: number
  readonly draw: (random: SeededRandom) => Input
  readonly check: (input: Input) => string | Promise<string>
}): Target => ({ ...of, check: (input) => of.check(input as Input) })

/** The input that a seed stands for. */
export const drawn = (target: Target, seed: number): Json => target.draw(new SeededRandom(seed, `fuzz ${target.name}`))

export const bytesOf = (hex: string): Uint8Array => {
  const bytes = fromHex(hex)
  if (bytes === null) throw new Error('an input of bytes is hexadecimal digits')
  return bytes
}

export const hexOf = toHex
