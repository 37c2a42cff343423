// Waiting for a promise no longer than so many milliseconds; the promise goes on by itself.
import type { Clock, Timers } from '../io/ports.ts'

/** Time, as far as waiting needs it. */
export interface Time {
  readonly clock: Clock
  readonly timers: Timers
}

/** True when the promise resolved in time, false when it has not settled; rejects as it does. Leaves no timer. */
export const within = async ({ clock, timers }: Time, ms: number, promise: Promise<unknown>): Promise<boolean> => {
  const { promise: timeout, resolve } = Promise.withResolvers<boolean>()
  const timer = timers.at(clock.now() + ms, () => resolve(false))
  try {
    return await Promise.race([promise.then(() => true), timeout])
  } finally {
    timer.cancel()
  }
}
