// An admin thread that listens nowhere and dies of the first reading that it is given.
import { parentPort } from 'node:worker_threads'

parentPort?.postMessage({ kind: 'listening', port: 1 })
parentPort?.on('message', () => process.exit(1))
