// One run of an application's handler: in a task that closing waits for, within the places of its protocol and its peer, which it gives
// back when it returns and not before.
import { assert } from '../core/assert.ts'
import { SallyportError } from '../core/errors.ts'
import { STATUS } from '../core/messages/codes.ts'
import type { Workshop } from './conversation.ts'
import type { Answer, Handler, InboundCall } from './handlers.ts'

/** What is to be run, and for which call. */
export interface HandlerRun {
  readonly handler: Handler
  readonly call: InboundCall
  /** What the call holds of the room for messages. */
  readonly bytes: number
}

/** Who hears of it: `answered` once, and be it before `runHandler` returns; `returned` after it, however late. */
export interface RunEnds {
  readonly answered: (answer: Answer) => void
  readonly returned: () => void
}

/** Whether a handler may run now. */
export const mayRun = ({ tasks, running }: Workshop, { call: { peer, protocol }, bytes }: HandlerRun): boolean =>
  !tasks.full &&
  running.byProtocol.free(protocol) &&
  running.bytesByProtocol.free(protocol, bytes) &&
  running.byPeer.free(peer)

/** Runs a handler, only when it `mayRun`. */
export const runHandler = (workshop: Workshop, { handler, call, bytes }: HandlerRun, ends: RunEnds): void => {
  const { clock, histograms, tasks, running } = workshop
  const { peer, protocol } = call
  running.byProtocol.take(protocol)
  running.bytesByProtocol.take(protocol, bytes)
  running.byPeer.take(peer)
  const calledAt = clock.now()
  const returned = (): void => {
    histograms.handler.record(clock.now() - calledAt)
    running.byProtocol.give(protocol)
    running.bytesByProtocol.give(protocol, bytes)
    running.byPeer.give(peer)
    ends.returned()
  }
  const task = { name: 'handler', protocol, peerId: peer } as const
  const started = tasks.run(task, () => supervised({ handler, call }, ends).finally(returned))
  assert(started, 'a handler runs only when there is a task for it')
}

/** The application's code runs here; whatever it does ends in an answer, and the task set tells of a failure. */
const supervised = async (
  { handler, call }: Pick<HandlerRun, 'handler' | 'call'>,
  { answered }: RunEnds,
): Promise<void> => {
  try {
    const answer = (await handler(call)) ?? { status: STATUS.ok }
    if (!isAnswer(answer)) throw new SallyportError('ARGUMENT_INVALID', 'what a handler returned is no answer')
    answered(answer)
  } catch (error) {
    answered({ status: STATUS.refused, reason: 'the handler failed' })
    throw error
  }
}

/** A handler may be written without types, and what has no length would make every bound on answers meaningless. */
const isAnswer = ({ status, payload }: Answer): boolean =>
  Number.isSafeInteger(status) && status >= 0 && (payload === undefined || payload instanceof Uint8Array)
