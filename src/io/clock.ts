// The clocks of this process.
import type { Clock } from './ports.ts'

/** `now` counts from the start of the process and is never set back; `wall` follows the system's idea of the date. */
export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  wall: () => Date.now(),
})
