// A promise somebody may stop waiting for: by a deadline, or by a signal. Whatever ends it, the timer and the listener are released.
import { type ErrorCode, SallyportError } from '../core/errors.ts'
import type { Schedule } from './schedule.ts'

/** How long is waited; at `deadline` (on the clock's scale) the promise rejects with `timeout`. */
export interface Patience {
  readonly schedule: Schedule
  readonly deadline: number
  readonly timeout: { readonly code: ErrorCode; readonly message: string }
  readonly signal: AbortSignal | undefined
}

/** `begin` starts what is waited for and returns what is done when it is given up; that runs only while it is still going on. */
export const abandonable = <Result>(
  { schedule, deadline, timeout, signal }: Patience,
  begin: (
    resolve: (result: Result) => void,
    reject: (error: SallyportError) => void,
  ) => (error: SallyportError) => void,
): Promise<Result> => {
  if (signal?.aborted === true) return Promise.reject(cancelled(signal))
  return new Promise((resolve, reject) => {
    let over = false
    const end = (): boolean => {
      if (over) return false
      over = true
      schedule.clear(due)
      signal?.removeEventListener('abort', onAbort)
      return true
    }
    const giveUp = (error: SallyportError): void => {
      if (!end()) return
      abandon?.(error)
      reject(error)
    }
    const onAbort = (): void => giveUp(cancelled(signal))
    const due = { run: () => giveUp(new SallyportError(timeout.code, timeout.message)) }
    let abandon: ((error: SallyportError) => void) | null = null
    schedule.set(due, deadline)
    signal?.addEventListener('abort', onAbort)
    abandon = begin(
      (result) => void (end() && resolve(result)),
      (error) => void (end() && reject(error)),
    )
  })
}

const cancelled = (signal: AbortSignal | undefined): SallyportError =>
  new SallyportError('CANCELLED', 'cancelled by its caller', signal?.reason)
