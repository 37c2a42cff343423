// The ports of this machine. A process has one set of worker threads, however many nodes it runs: each call leases it, and the
// threads end when the last lease is given back.
import { systemClock } from './clock.ts'
import { createCrypto } from './crypto.ts'
import { systemFiles } from './files.ts'
import { systemNames } from './names.ts'
import type { Job, Ports, Workers } from './ports.ts'
import { systemRandom } from './random.ts'
import { systemTimers } from './timers.ts'
import { systemTracing } from './tracing.ts'
import { systemUdp } from './udp.ts'
import { createWorkers } from './workers.ts'

/** The ports of this machine; close them when no node uses them any more. */
export interface SystemPorts extends Ports, AsyncDisposable {
  /** Gives back the workers; the same as `workers.close()`. Idempotent. */
  close(): Promise<void>
}

/** Ports over Node's own modules. */
export const systemPorts = async (): Promise<SystemPorts> => {
  const crypto = await createCrypto()
  const workers = new WorkersLease()
  const close = (): Promise<void> => workers.close()
  return Object.freeze<SystemPorts>({
    clock: systemClock,
    timers: systemTimers,
    udp: systemUdp,
    workers,
    files: systemFiles,
    crypto,
    random: systemRandom,
    names: systemNames,
    tracing: systemTracing,
    close,
    [Symbol.asyncDispose]: close,
  })
}

let shared: { readonly workers: Workers; leases: number } | null = null

class WorkersLease implements Workers {
  readonly #shared = (shared ??= { workers: createWorkers(), leases: 0 })
  #closing: Promise<void> | null = null

  constructor() {
    this.#shared.leases++
  }

  run(job: Job): void {
    if (this.#closing === null) return this.#shared.workers.run(job)
    setImmediate(() => job.done({ id: job.work.id, kind: 'failed', reason: 'the workers are closed' }))
  }

  lateness(): number {
    return this.#shared.workers.lateness()
  }

  depth(): number {
    return this.#shared.workers.depth()
  }

  close(): Promise<void> {
    this.#closing ??= this.#giveBack()
    return this.#closing
  }

  async #giveBack(): Promise<void> {
    if (--this.#shared.leases > 0) return
    if (shared === this.#shared) shared = null
    await this.#shared.workers.close()
  }
}
