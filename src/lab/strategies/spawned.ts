// The second accept path: the loop starts a task for each finished handshake and returns at once. All the tasks then stand in line for
// the same write lock; one whose connection is lost meanwhile still registers it, and nothing ever takes that entry out.
import { standingBefore, type Strategy } from './strategy.ts'

/** A task is nothing but its place in the lock's line. */
export const spawned: Strategy = (own, maps) => standingBefore(own, (link, now) => maps.register(link, now))
