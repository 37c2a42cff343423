// The inside of a worker thread: does one job after the other and hands the results back, chunks without copying them.
import { parentPort } from 'node:worker_threads'
import { assert } from '../core/assert.ts'
import type { Work, WorkDone } from '../core/ports.ts'
import { loadBlake3 } from './blake3.ts'
import { createPerform, type Signer } from './perform.ts'

/** What a thread is told: the work, and whose key signs when it is a signature. */
export interface JobMessage {
  readonly work: Work
  readonly signer: Signer | null
}

const port = parentPort
assert(port !== null, 'this file is run as a worker thread')
const perform = createPerform(await loadBlake3())
port.on('message', ({ work, signer }: JobMessage) => {
  const result = perform(work, signer)
  port.postMessage(result, wholeBuffers(result))
})

/** The memory of a result that can be handed over: arrays that are all of their buffer. */
function wholeBuffers(result: WorkDone): ArrayBuffer[] {
  const large = 'stored' in result ? result.stored : result.kind === 'open-chunk' ? result.plaintext : null
  const whole = large !== null && large.buffer instanceof ArrayBuffer && large.byteLength === large.buffer.byteLength
  return whole ? [large.buffer] : []
}
