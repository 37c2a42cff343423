// The application's say in who may be here. It is asked once for each connection, when its peer has identified itself and before it counts
// as connected: then there is somebody to judge. It is plain code that returns at once: everything waits for it meanwhile, so it is timed.
import type { PeerInfo } from '../core/peers/connection-record.ts'
import type { Workshop } from './conversation.ts'

/**
 * Whether a peer may be here: `true` lets it in. Anything else, and a throw, closes the connection with REFUSED; a promise is not waited
 * for and is no `true`.
 */
export type Policy = (peer: PeerInfo) => boolean

/** Everybody may be here. */
export const NO_POLICY: Policy = () => true

/** Asks a policy about a peer, times it and counts what it decides. */
export const admitted = (policy: Policy, peer: PeerInfo, { clock, counters, histograms }: Workshop): boolean => {
  if (policy === NO_POLICY) return true
  const askedAt = clock.now()
  const admits = decided(policy, peer, () => counters.policyFailures++)
  histograms.policy.record(clock.now() - askedAt)
  if (!admits) counters.policyRefused++
  return admits
}

const decided = (policy: Policy, peer: PeerInfo, failed: () => void): boolean => {
  try {
    const said: unknown = policy(peer)
    return said === true
  } catch {
    failed()
    return false
  }
}
