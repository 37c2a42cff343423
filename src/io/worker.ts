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
  release(work)
})

/** Gives back the memory of a chunk that was handed over, at once: a collector that sees a few small objects takes its time with 4 MiB each. */
function release(work: Work): void {
  const chunk = work.kind === 'seal-chunk' ? work.plaintext : work.kind === 'open-chunk' ? work.stored : null
  // One that was handed back is detached already.
  if (chunk?.buffer instanceof ArrayBuffer && !chunk.buffer.detached) chunk.buffer.transfer(0)
}

/** The memory of a result that can be handed over: a chunk that is all of its buffer. */
function wholeBuffers(result: WorkDone): ArrayBuffer[] {
  const chunk = chunkOf(result)
  const whole = chunk !== null && chunk.buffer instanceof ArrayBuffer && chunk.byteLength === chunk.buffer.byteLength
  return whole ? [chunk.buffer] : []
}

function chunkOf(result: WorkDone): Uint8Array | null {
  switch (result.kind) {
    case 'seal-chunk':
    case 'hash-chunk':
      return result.stored
    case 'open-chunk':
      return result.plaintext
    case 'sign':
    case 'verify':
    case 'verify-chain':
    case 'failed':
      return null
  }
}
