// What responses to the chunk protocols mean to a transfer. A response that makes no sense is that peer's failure.
import { PUT_OUTCOME, decodeHasBitmap } from '../messages/chunks.ts'
import { STATUS } from '../messages/codes.ts'
import type { ResponseHeader } from '../messages/requests.ts'
import type { GetAnswer } from './download.ts'
import type { PutAnswer } from './placement.ts'

/** When a busy peer may be asked again, if it does not say. */
const RETRY_AFTER_MS = 500

/** What a response to chunk-has about one address means. */
export const hasAnswer = (header: ResponseHeader, payload: Uint8Array): PutAnswer => {
  if (header.status !== STATUS.ok) return noAnswer(header)
  const held = decodeHasBitmap(payload, 1)
  if (held === null) return { kind: 'failed', reason: 'a wrong answer' }
  return { kind: held[0] === true ? 'held' : 'absent' }
}

/** What a response to chunk-put means. */
export const putAnswer = (header: ResponseHeader): PutAnswer => {
  if (header.status !== STATUS.ok) return noAnswer(header)
  return { kind: header.outcome === PUT_OUTCOME.alreadyStored ? 'held' : 'stored' }
}

/** What a response to chunk-get means; the payload is passed on. */
export const getAnswer = (header: ResponseHeader, payload: Uint8Array): GetAnswer => {
  if (header.status === STATUS.ok) return { kind: 'payload', bytes: payload }
  return header.status === STATUS.absent ? { kind: 'absent' } : noAnswer(header)
}

const noAnswer = (
  header: ResponseHeader,
): { kind: 'busy'; retryAfterMs: number } | { kind: 'failed'; reason: string } => {
  if (header.status === STATUS.busy) return { kind: 'busy', retryAfterMs: header.retryAfterMs ?? RETRY_AFTER_MS }
  return { kind: 'failed', reason: header.reason ?? `status ${header.status}` }
}
