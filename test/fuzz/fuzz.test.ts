// Every input of the corpus, then new ones of each target: the same each time, so that a failure here is this change's. `npm run fuzz` looks
// further, with new seeds.
import { describe, it } from 'node:test'
import { readCorpus } from './corpus.ts'
import { drawn } from './target.ts'
import { TARGETS, targetOf } from './targets.ts'

describe('the corpus', () => {
  for (const { path, target, what, input } of readCorpus()) {
    it(`holds ${path}: ${what}`, async () => {
      await targetOf(target).check(input)
    })
  }
})

describe('mutated', () => {
  for (const target of TARGETS) {
    it(`${target.name} stay what they must be, ${target.runs} times`, async () => {
      for (let seed = 1; seed <= target.runs; seed++) {
        const input = drawn(target, seed)
        try {
          await target.check(input)
        } catch (error) {
          const repeat = `npm run fuzz -- --target ${target.name} --seed ${seed} --count 1`
          throw new Error(`seed ${seed}: ${repeat}\n${JSON.stringify(input)}`, { cause: error })
        }
      }
    })
  }
})
