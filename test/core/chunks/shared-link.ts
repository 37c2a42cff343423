// An upload whose puts share one link, in virtual time: each gets an equal part of it, and no more than its peer takes. Run as a program it
// prints how long uploads take at different speeds, with what is decided while they go on and with a fixed number at once.
import { createHash } from 'node:crypto'
import { PLAINTEXT_BYTES_MAX } from '../../../src/core/chunks/chunk.ts'
import type { UploadLimits, UploadOutput } from '../../../src/core/chunks/upload-outputs.ts'
import { Upload } from '../../../src/core/chunks/upload.ts'
import { peerIdOf } from '../../../src/core/ids.ts'
import type { Work, WorkDone } from '../../../src/core/ports.ts'

/** A link, and an upload over it. */
export interface LinkScene {
  readonly bytesPerSecond: number
  /** What one put gets at most. */
  readonly bytesPerSecondEach?: number
  readonly chunks?: number
  readonly limits?: Partial<UploadLimits>
}

/** How it went; `givenUp` counts puts that were ended before their end. */
export interface LinkOutcome {
  readonly failed: boolean
  readonly ms: number
  readonly givenUp: number
}

const PEERS = 25
const LATENCY_MS = 50

const sha = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha256').update(bytes).digest())

/** Plays one upload to its end. */
export const onLink = (scene: LinkScene): LinkOutcome => new LinkPlay(scene).run()

class LinkPlay {
  readonly #upload: Upload
  readonly #rate: number
  readonly #rateEach: number
  readonly #peers = Array.from({ length: PEERS }, (_, i) => ({ peer: peerIdOf(sha(Uint8Array.of(i))), network: null }))
  /** Bytes that puts have yet to send. */
  readonly #left = new Map<number, number>()
  #givenUpr: { readonly at: number; readonly run: () => void }[] = []
  #now = 0
  #givenUp = 0
  #end: 'finished' | 'failed' | null = null

  constructor({ bytesPerSecond, bytesPerSecondEach = Infinity, chunks = 8, limits = {} }: LinkScene) {
    this.#rate = bytesPerSecond / 1e3
    this.#rateEach = bytesPerSecondEach / 1e3
    this.#upload = new Upload({ size: chunks * PLAINTEXT_BYTES_MAX, limits }, 0)
  }

  run(): LinkOutcome {
    this.#drain()
    while (this.#end === null) this.#step()
    return { failed: this.#end === 'failed', ms: Math.round(this.#now), givenUp: this.#givenUp }
  }

  #step(): void {
    const each = Math.min(this.#rateEach, this.#rate / Math.max(1, this.#left.size))
    const sent = Math.min(...this.#left.values()) / each
    const due = Math.min(...this.#givenUpr.map(({ at }) => at))
    const timer = this.#upload.timerAt()
    const next = Math.min(this.#now + sent, due, timer)
    for (const [request, left] of this.#left) this.#left.set(request, left - (next - this.#now) * each)
    this.#now = next
    for (const [request, left] of this.#left) {
      if (left > 1) continue
      this.#left.delete(request)
      this.#after(LATENCY_MS, () => this.#upload.answered(request, { kind: 'stored' }, this.#now))
    }
    const ripe = this.#givenUpr.filter(({ at }) => at <= this.#now)
    this.#givenUpr = this.#givenUpr.filter(({ at }) => at > this.#now)
    for (const { run } of ripe) run()
    if (timer <= this.#now) this.#upload.timeout(this.#now)
    this.#drain()
  }

  #after(ms: number, run: () => void): void {
    this.#givenUpr.push({ at: this.#now + ms, run })
  }

  #drain(): void {
    for (let output = this.#upload.poll(); output !== null; output = this.#upload.poll()) this.#perform(output)
  }

  #perform(output: UploadOutput): void {
    const upload = this.#upload
    switch (output.kind) {
      case 'read-piece':
        return this.#after(5, () => upload.piece(output.index, ZEROS.subarray(0, output.size), this.#now))
      case 'work':
        return this.#after(30, () => upload.done(seal(output.work), this.#now))
      case 'lookup':
        return this.#after(2 * LATENCY_MS, () => upload.found(output.address, this.#peers, this.#now))
      case 'has':
        return this.#after(LATENCY_MS, () => upload.answered(output.request, { kind: 'absent' }, this.#now))
      case 'put':
        return void this.#left.set(output.request, PLAINTEXT_BYTES_MAX)
      case 'cancel':
        if (this.#left.delete(output.request)) this.#givenUp++
        return undefined
      case 'finished':
      case 'failed':
        this.#end = output.kind
        return undefined
      default:
        return undefined
    }
  }
}

const ZEROS = new Uint8Array(PLAINTEXT_BYTES_MAX)

const seal = (work: Work): WorkDone => {
  const address = sha(Uint8Array.of(work.id & 255, work.id < 0 ? 1 : 0))
  return { id: work.id, kind: 'seal-chunk', stored: new Uint8Array(17), address, contentHash: sha(address) }
}

if (import.meta.main) {
  const fixed = { putsMin: 12, putsFirst: 12, putsMax: 12 }
  for (const [name, scene] of [
    ['1 Mbit/s', { bytesPerSecond: 125e3 }],
    ['4 Mbit/s', { bytesPerSecond: 500e3 }],
    ['40 Mbit/s', { bytesPerSecond: 5e6 }],
    ['400 Mbit/s', { bytesPerSecond: 50e6, chunks: 40 }],
    ['400 Mbit/s, 16 each', { bytesPerSecond: 50e6, bytesPerSecondEach: 2e6, chunks: 40 }],
  ] as const) {
    const [before, now] = [onLink({ ...scene, limits: fixed }), onLink(scene)]
    const text = ({ failed, ms, givenUp }: LinkOutcome): string =>
      `${failed ? 'failed after' : 'done in'} ${(ms / 1e3).toFixed(1)} s, ${givenUp} puts given up`
    process.stdout.write(`${name}: twelve at once ${text(before)}; adaptive ${text(now)}\n`)
  }
}
