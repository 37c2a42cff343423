// The clocks of this process.
import type { Clock } from './ports.ts'

/** `now` counts from the start of the process and is never set back; `wall` follows the system's idea of the date. */
export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  wall: () => Date.now(),
})

/** A wall time (ms since 1970) as RFC 3339 has it. */
export const wallText = (ms: number): string => new Date(ms).toISOString()
