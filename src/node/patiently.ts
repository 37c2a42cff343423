// Waiting for somebody who may never come: a stream's other end, which nothing obliges to read or to write.
import { SallyportError } from '../core/errors.ts'

/** What `promise` gives, or CANCELLED as soon as `signal` is aborted; the promise is left to itself then, and the signal let go after. */
export const unlessEnded = async <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> => {
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(new SallyportError('CANCELLED', 'the transfer has ended'))
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    return await Promise.race([promise, ended])
  } finally {
    signal.removeEventListener('abort', abort)
    promise.catch(() => {})
  }
}
