// Compares who the registry says is here with the connections the endpoint has that are not closing. They differ only by a defect of
// ours; each difference is named, so that the driver can count and repair it.
import type { ConnectionHandle } from '../ids.ts'

/** How often the two are compared, in milliseconds. */
export const RECONCILE_EVERY_MS = 5000

/** Handles only one side has: `unknown` ones are to be dropped by the endpoint, `vanished` ones are to be lost in the registry. */
export interface Difference {
  readonly unknown: readonly ConnectionHandle[]
  readonly vanished: readonly ConnectionHandle[]
}

/** The difference between two sets of handles, each without repetition. */
export const reconcile = (registry: Iterable<ConnectionHandle>, endpoint: Iterable<ConnectionHandle>): Difference => {
  const unknown = new Set(endpoint)
  const vanished: ConnectionHandle[] = []
  for (const handle of registry) if (!unknown.delete(handle)) vanished.push(handle)
  return { unknown: [...unknown], vanished }
}
