// All that is fuzzed, by name.
import { codecs } from './codecs.ts'
import { datagrams, packets } from './connections.ts'
import { nodes } from './nodes.ts'
import { sessions } from './sessions.ts'
import type { Target } from './target.ts'

export const TARGETS: readonly Target[] = [codecs, sessions, packets, datagrams, nodes]

export const targetOf = (name: string): Target => {
  const found = TARGETS.find((target) => target.name === name)
  if (found === undefined) throw new Error(`there is no target ${name}: ${TARGETS.map((each) => each.name).join(', ')}`)
  return found
}
