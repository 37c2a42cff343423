// Asking workers whose queue may be full: a handshake then waits its turn and asks again, and its own deadline ends it if nothing else
// does. A full queue slows handshakes and loses none.
import type { WorkDone } from '../core/ports.ts'
import type { Clock, Job, Workers } from '../io/ports.ts'
import type { Schedule } from './schedule.ts'

/** A worker does some 700 signatures a second: after so long there is room again, or there are too many by far. */
const ASK_AGAIN_MS = 50

/** Work that somebody waits for, until `wanted` says otherwise. */
export type PatientJob = Job & { readonly wanted: () => boolean }

/** What asking takes. */
export interface WorkBench {
  readonly workers: Workers
  readonly clock: Clock
  readonly schedule: Schedule
}

/** Has work done as soon as there is room for it; `done` is not called for what is no longer wanted. Bounded by its callers. */
export const workWhenFree = (bench: WorkBench, job: PatientJob): void => {
  const done = (result: WorkDone): void => {
    if (!job.wanted()) return
    if (result.kind !== 'failed' || result.full !== true) return job.done(result)
    bench.schedule.once(bench.clock.now() + ASK_AGAIN_MS, () => {
      if (job.wanted()) workWhenFree(bench, job)
    })
  }
  bench.workers.run({ ...job, done })
}
