// Giving up what takes time: by a signal, whose listeners are taken away whatever happens.
import { SallyportError } from '../core/errors.ts'

/** What a caller gets who gave up. */
export const cancelled = (signal: AbortSignal | undefined): SallyportError =>
  new SallyportError('CANCELLED', 'cancelled by its caller', signal?.reason)

/** The promise, or CANCELLED as soon as the signal is aborted; the promise then goes on by itself, and a rejection of it is nobody's. */
export const unlessAborted = async <Result>(
  promise: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> => {
  if (signal === undefined) return promise
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(cancelled(signal))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
