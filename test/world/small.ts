// The size of the networks that many seeds are tried with: small, short and full of faults.

/** See above. */
export const SMALL = Object.freeze({ hosts: 12, ms: 300_000, faultEveryMs: 4000 })
