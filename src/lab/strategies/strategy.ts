// What the historical accept paths have in common: they stand before the registry, and only how a finished handshake gets into it
// differs. What is lost or failed the registry hears at once, so that the trial's truth is kept; the models err on the side of the old.
import type { Acceptance } from '../../node/acceptance.ts'
import type { Link } from '../../node/link.ts'
import type { Figures } from './figures.ts'
import type { LockedMaps } from './locked-maps.ts'

/** Makes an acceptance that stands before the registry's own, and notes its figures. */
export type Strategy = (own: Acceptance, maps: LockedMaps, figures: Figures) => Acceptance

/** The acceptance whose finished handshakes go through `established`. */
export const standingBefore = (own: Acceptance, established: (link: Link, now: number) => void): Acceptance => ({
  established,
  migrated: (handle, moved, now) => own.migrated(handle, moved, now),
  lost: (handle, reason, now) => own.lost(handle, reason, now),
  failed: (handle, failure, reason, now) => own.failed(handle, failure, reason, now),
})
