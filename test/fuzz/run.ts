// Fuzzing for as long as one likes, with seeds nobody tried:
//
//   npm run fuzz -- --for 5m [--seed N] [--target name]      each finding is kept in test/corpus, with the command that repeats it
//   npm run fuzz -- --target name --seed N --count 1         one input again
//   npm run fuzz -- --repeat test/corpus/…/….json            a kept input again
//   npm run fuzz -- --for 5m --grow                          keeps, too, what leads where no kept input leads
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { keep, readCorpus, readEntry } from './corpus.ts'
import { drawn, type Target } from './target.ts'
import { TARGETS, targetOf } from './targets.ts'

const { values: options } = parseArgs({
  options: {
    for: { type: 'string', default: '1m' },
    seed: { type: 'string' },
    count: { type: 'string' },
    target: { type: 'string' },
    repeat: { type: 'string' },
    grow: { type: 'boolean', default: false },
  },
})

/** Kept of one target for where they lead, at most: more would make `npm test` slow. */
const GROWN_MAX = 24

/** Shown of each target. */
const RAREST = 12

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

const msOf = (text: string): number => {
  const [, amount, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? []
  if (amount === undefined) throw new Error(`--for is a number and ms, s, m or h, not ${text}`)
  return Number(amount) * UNITS[unit as keyof typeof UNITS]
}

/** How often each target led where. */
const led = new Map<string, Map<string, number>>(TARGETS.map(({ name }) => [name, new Map()]))
let findings = 0

const note = ({ name }: Target, where: string): boolean => {
  const places = led.get(name)
  const before = places?.get(where) ?? 0
  places?.set(where, before + 1)
  return before === 0
}

const once = async (target: Target, seed: number): Promise<void> => {
  const input = drawn(target, seed)
  try {
    const where = await target.check(input)
    const isNew = note(target, where)
    if (!options.grow || !isNew || (led.get(target.name)?.size ?? 0) > GROWN_MAX) return
    keep({ target: target.name, what: where, seed, input }, `reaches-${seed}`)
  } catch (error) {
    findings++
    const path = keep({ target: target.name, what: String(error).split('\n')[0] ?? '', seed, input }, `found-${seed}`)
    console.error(error)
    console.error(`kept as ${path}; again: npm run fuzz -- --repeat ${path}`)
  }
}

const repeat = async (path: string): Promise<void> => {
  const { target, input } = readEntry(path)
  console.log(`${path}: ${await targetOf(target).check(input)}`)
}

const search = async (): Promise<void> => {
  for (const { target, input } of options.grow ? readCorpus() : [])
    note(targetOf(target), await targetOf(target).check(input))
  const targets = options.target === undefined ? TARGETS : [targetOf(options.target)]
  const first = options.seed === undefined ? randomInt(1_000_000, 2 ** 40) : Number(options.seed)
  const count = Number(options.count ?? Infinity)
  const until = performance.now() + (options.count === undefined ? msOf(options.for) : Infinity)
  console.log(`seeds from ${first}`)
  let tried = 0
  // The target that had the least time so far is next: slow ones are not to starve quick ones.
  const turn = targets.map((target) => ({ target, spent: 0, seed: first }))
  while (tried < count && performance.now() < until) {
    const next = turn.reduce((least, each) => (each.spent < least.spent ? each : least))
    const begun = performance.now()
    await once(next.target, next.seed++)
    next.spent += performance.now() - begun
    tried++
  }
  for (const { target, seed } of turn) {
    const places = [...(led.get(target.name) ?? [])].sort(([, a], [, b]) => a - b)
    console.log(`${target.name}: ${seed - first} inputs, ${places.length} places; the rarest:`)
    for (const [where, times] of places.slice(0, RAREST)) console.log(`  ${times} × ${where}`)
  }
}

await (options.repeat === undefined ? search() : repeat(options.repeat))
console.log(findings === 0 ? 'nothing found' : `${findings} findings`)
process.exitCode = findings === 0 ? 0 : 1
