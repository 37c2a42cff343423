// A run that found something is run again with fewer and fewer faults, and the command that repeats the smallest one is given.
import { faultText } from '../../src/world/faults/fault.ts'
import { scheduleOf } from '../../src/world/faults/schedule.ts'
import { type Outcome, type RunOptions, runNetwork, scheduleSpan } from '../../src/world/nodes/network-run.ts'
import { shrink } from '../../src/world/shrink.ts'
import { commandOf, type Settings } from './settings.ts'

/** Runs tried at most. */
const TRIES_MAX = 60

/** Shrinks what failed and says how to repeat it. */
export const investigate = async (settings: Settings, run: RunOptions, outcome: Outcome): Promise<string> => {
  const rule = outcome.finding?.rule
  const fails = async (numbers: readonly number[]): Promise<boolean> => {
    const again = await runNetwork({
      ...run,
      choice: numbers.length === 0 ? { kind: 'none' } : { kind: 'numbers', numbers },
    })
    return again.finding?.rule === rule
  }
  const { items, tries, isMinimal } = await shrink(outcome.faults, fails, TRIES_MAX)
  const faults = scheduleOf({ seed: run.seed, ...scheduleSpan(run) }).filter(({ number }) => items.includes(number))
  return [
    `${outcome.faults.length} faults shrunk to ${items.length} in ${tries} runs${isMinimal ? '' : ', and not to the end'}`,
    ...faults.map((fault) => `  ${faultText(fault)}`),
    `repeat with: ${commandOf({ ...settings, run }, items.length === 0 ? 'none' : items.join(','))}`,
  ].join('\n')
}
