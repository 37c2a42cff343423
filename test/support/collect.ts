// Garbage collection on demand.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const collector = (): (() => void) => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

const gc = collector()

/** Collects garbage, twice so that what a finalizer lets go of is gone too. */
export const collect = async (): Promise<void> => {
  gc()
  await new Promise((resolve) => setImmediate(resolve))
  gc()
}
