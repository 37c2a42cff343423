// A worker thread that dies at its first job: test/io/workers.test.ts.
import { parentPort } from 'node:worker_threads'

parentPort?.on('message', () => {
  throw new Error('meant to die')
})
