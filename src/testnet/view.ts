// What can be seen of a test network while it runs: who is there, what it is doing, its files and the last look at all of it. Whoever shows it
// reads it when they like; nothing waits for them.
import type { Network, NodeStanding } from './network.ts'
import type { Sample } from './sampling.ts'
import type { Stage } from './testnet.ts'
import type { LoadedFile } from './load.ts'

/** Files that are kept to be shown: an hour of one every four seconds. */
const FILES_MAX = 900

/** A file of the load, by the wall clock. */
export interface ViewedFile extends Pick<LoadedFile, 'bytes' | 'uploadMs' | 'downloadMs' | 'failed'> {
  readonly at: number
  readonly isIdentical: boolean
}

/** A look at all nodes, by the wall clock. */
export interface ViewedSample extends Sample {
  readonly at: number
}

/** Everything that can be seen at one moment; plain data, without links. */
export interface Seen {
  readonly asked: number
  readonly doing: string
  readonly formedMs: number | null
  readonly first: First | null
  readonly nodes: readonly NodeStanding[]
  readonly files: readonly ViewedFile[]
  readonly uploads: number
  readonly failures: number
  readonly departures: number
  readonly sample: ViewedSample | null
}

interface First {
  readonly bytes: number
  readonly uploadMs: number
  readonly downloadMs: number | null
}

/** The view of one test network. */
export class NetworkView {
  readonly #asked: number
  #network: Network | null = null
  #doing = 'Starting its processes'
  #formedMs: number | null = null
  #first: First | null = null
  /** Bounded by FILES_MAX. */
  readonly #files: ViewedFile[] = []
  /** Wall time of the beginning of the load. */
  #loadAt = 0
  #uploads = 0
  #failures = 0
  #sample: ViewedSample | null = null

  /** Of a network of so many nodes. */
  constructor(asked: number) {
    this.#asked = asked
  }

  /** The processes run; nodes come. */
  begin(network: Network): void {
    this.#network = network
    this.#doing = 'Forming'
  }

  /** A stage was done; what follows depends on what was asked for. */
  stage(stage: Stage, { check, load }: { readonly check: boolean; readonly load: boolean }): void {
    switch (stage.kind) {
      case 'shared-address':
      case 'manifest':
        return
      case 'formed':
        this.#formedMs = Math.round(stage.ms)
        this.#doing = check ? 'Measured at rest' : 'Uploading the first file'
        return
      case 'rested':
        this.#doing = 'Uploading the first file'
        return
      case 'uploaded':
        this.#first = { bytes: stage.bytes, uploadMs: Math.round(stage.ms), downloadMs: null }
        this.#doing = 'Downloading it'
        return
      case 'downloaded':
        if (this.#first !== null) this.#first = { ...this.#first, downloadMs: Math.round(stage.ms) }
        this.#doing = 'Comparing'
        return
      case 'compared':
        this.#doing = load ? 'Under load' : 'Ending'
        this.#loadAt = Date.now()
        return
      case 'loaded':
        this.#loaded(stage)
    }
  }

  /** All nodes were looked at. */
  sampled(sample: Sample): void {
    this.#sample = { ...sample, at: Date.now() }
  }

  /** What can be seen now. */
  read(): Seen {
    return {
      asked: this.#asked,
      doing: this.#doing,
      formedMs: this.#formedMs,
      first: this.#first,
      nodes: this.#network?.nodes ?? [],
      files: [...this.#files],
      uploads: this.#uploads,
      failures: this.#failures,
      departures: this.#network?.departures ?? 0,
      sample: this.#sample,
    }
  }

  #loaded({ atMs, bytes, uploadMs, downloadMs, identical, failed }: LoadedFile): void {
    this.#files.push({ at: this.#loadAt + atMs, bytes, uploadMs, downloadMs, isIdentical: identical, failed })
    if (this.#files.length > FILES_MAX) this.#files.shift()
    this.#uploads++
    if (!identical) this.#failures++
  }
}
