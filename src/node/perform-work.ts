// Work for code that is written with promises.
import type { Work, WorkDone } from '../core/ports.ts'
import type { Identity, Workers } from '../io/ports.ts'

/** Has work done; resolves to its result, which may be `failed`, and never rejects. */
export const perform = (workers: Workers, identity: Identity, work: Work): Promise<WorkDone> =>
  new Promise((done) => workers.run({ work, identity, done }))
