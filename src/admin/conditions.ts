// Answers that each window gives alike.
import { type Answer, text } from './answer.ts'
import type { Condition } from './pulse.ts'

export const NO_SUCH_QUERY: Answer = text(400, 'the query is not understood')

/** The answer to whether something is well. */
export const condition = ({ isWell, text: line }: Condition): Answer => text(isWell ? 200 : 503, line)
