// What the network's parent asks of the processes that host its nodes, and what they answer.
import type { PeerId } from '../index.ts'
import type { Totals } from './totals.ts'

/** A request to a host process; nodes are named by their index in the network. */
export type HostRequest =
  /** Starts a node, for the first time or again, and joins it; answered with `Launched`. */
  | {
      readonly kind: 'launch'
      readonly index: number
      readonly listen: string
      readonly directory: string
      readonly bootstrap: readonly string[]
      readonly slow: boolean
      readonly asOutside: boolean
    }
  /** Ends a node, with a goodbye or as if its line had been cut. */
  | { readonly kind: 'leave'; readonly index: number; readonly politely: boolean }
  /** Cuts a node's line for good; the node runs on. */
  | { readonly kind: 'silence'; readonly index: number }
  /** Has a node look itself up; answered with the PeerIds found, nearest first. */
  | { readonly kind: 'lookup'; readonly index: number; readonly target: PeerId }
  /** Uploads by a new client that leaves afterwards; answered with `Uploaded`. */
  | { readonly kind: 'upload'; readonly listen: string; readonly bootstrap: readonly string[]; readonly file: string }
  /** Downloads by a new client that leaves afterwards; answered with `Downloaded`. */
  | {
      readonly kind: 'download'
      readonly listen: string
      readonly bootstrap: readonly string[]
      readonly link: string
      readonly out: string
    }
  /** Answered with a `HostSample`. */
  | { readonly kind: 'sample' }
  /** Answered with `HostTotals`. */
  | { readonly kind: 'totals' }

/** A node that runs. */
export interface Launched {
  readonly peerId: PeerId
  readonly address: string
}

/** An upload that was done; `ms` without the joining of the client. */
export interface Uploaded {
  readonly bytes: number
  readonly chunks: number
  readonly holders: number
  readonly ms: number
  readonly link: string
}

/** A download that was done; `ms` without the joining of the client. */
export interface Downloaded {
  readonly bytes: number
  readonly ms: number
}

/** The counters of a host's nodes and of the clients it had, its memory, and the microseconds of CPU time it has used. */
export interface HostTotals {
  readonly totals: Totals
  readonly rssBytes: number
  readonly cpuMicros: number
}
