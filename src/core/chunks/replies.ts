// What responses to the chunk protocols mean to a transfer. A response that makes no sense is that peer's failure.
import type { ErrorCode } from '../errors.ts'
import { PUT_OUTCOME, decodeHasBitmap } from '../messages/chunks.ts'
import { STATUS } from '../messages/codes.ts'
import type { GetAnswer } from './download.ts'
import type { PutAnswer } from './placement.ts'

/** A response to a request, or the answer that becomes one. */
export interface Reply {
  /** One of STATUS, or a number unknown to us. */
  readonly status: number
  readonly payload: Uint8Array
  readonly reason?: string
  readonly retryAfterMs?: number
  readonly outcome?: number
}

/** When a busy peer may be asked again, if it does not say. */
const RETRY_AFTER_MS = 500

/** What a response to chunk-has about one address means. */
export const hasAnswer = (reply: Reply): PutAnswer => {
  if (reply.status !== STATUS.ok) return noAnswer(reply)
  const held = decodeHasBitmap(reply.payload, 1)
  if (held === null) return { kind: 'failed', reason: 'a wrong answer' }
  return { kind: held[0] === true ? 'held' : 'absent' }
}

/** What a response to chunk-put means. */
export const putAnswer = (reply: Reply): PutAnswer => {
  if (reply.status !== STATUS.ok) return noAnswer(reply)
  return { kind: reply.outcome === PUT_OUTCOME.alreadyStored ? 'held' : 'stored' }
}

/** What a response to chunk-get means; the payload is passed on. */
export const getAnswer = (reply: Reply): GetAnswer => {
  if (reply.status === STATUS.ok) return { kind: 'payload', bytes: reply.payload }
  return reply.status === STATUS.absent ? { kind: 'absent' } : noAnswer(reply)
}

/** What it means that a request got no response; `code` is the error's. */
export const silenceAnswer = (code: ErrorCode): NoAnswer =>
  code === 'PEER_BUSY' ? { kind: 'busy', retryAfterMs: RETRY_AFTER_MS } : { kind: 'failed', reason: code }

type NoAnswer =
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  | { readonly kind: 'failed'; readonly reason: string }

const noAnswer = ({ status, reason, retryAfterMs }: Reply): NoAnswer =>
  status === STATUS.busy
    ? { kind: 'busy', retryAfterMs: retryAfterMs ?? RETRY_AFTER_MS }
    : { kind: 'failed', reason: reason ?? `status ${status}` }
