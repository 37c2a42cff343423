// Asking a process of a benchmark, with a bound on how long it may take.
import { Child } from '../../../src/testnet/child.ts'
import type { ManyNodesRequest } from './many-nodes.ts'
import type { OneNodeRequest } from './one-node.ts'
import type { ThrongRequest } from './throng.ts'

/** A process that says nothing for so long has failed. Milliseconds. */
const STEP_TIMEOUT_MS = 60_000

/** One process, and what it can be asked. */
export class Asked<Request extends object> implements AsyncDisposable {
  readonly #child: Child

  constructor(program: string) {
    this.#child = new Child(new URL(program, import.meta.url))
  }

  /** Asks one thing; rejects when the process ends or takes too long. */
  async ask<Result>(request: Request, timeoutMs = STEP_TIMEOUT_MS): Promise<Result> {
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error('a process did not answer in time')), timeoutMs)
    try {
      return await Promise.race([this.#child.request<Result>(request), this.#child.died, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child.end()
  }
}

/** The process with the node that is measured. */
export const oneNode = (): Asked<OneNodeRequest> => new Asked('one-node.ts')

/** The process with the nodes on the other side. */
export const manyNodes = (): Asked<ManyNodesRequest> => new Asked('many-nodes.ts')

/** The process with very many connections. */
export const throng = (): Asked<ThrongRequest> => new Asked('throng.ts')
