// When to come back, in the reason of a close: that is all the room there is before a connection carries messages of ours. What comes from
// a gate has been authenticated by nobody, so it is a hint, and bounded.

/** Nobody is kept away for longer by what somebody else says: an hour, in milliseconds. */
export const RETRY_AFTER_MS_MAX = 3_600_000

const PATTERN = /^retryAfterMs=(\d{1,9})$/

/** The reason that says it, in milliseconds; empty for null. */
export const retryAfterReason = (ms: number | null): string => (ms === null ? '' : `retryAfterMs=${Math.ceil(ms)}`)

/** What a reason says of it, in milliseconds, RETRY_AFTER_MS_MAX at most; null when it says something else. */
export const retryAfterOf = (reason: string): number | null => {
  const said = PATTERN.exec(reason)?.[1]
  return said === undefined ? null : Math.min(Number(said), RETRY_AFTER_MS_MAX)
}
