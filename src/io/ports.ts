// What the drivers in node/ need of the world beyond the core's own ports. io/ implements them over Node's modules; tests and the
// virtual world implement them over a fake clock and memory. Nothing else in node/ touches a clock, a timer, a socket or a file.
import type { Address } from '../core/address.ts'
import type { PeerId } from '../core/ids.ts'
import type { Ip } from '../core/ip.ts'
import type { Crypto, Random, Work, WorkDone } from '../core/ports.ts'

/** Two clocks: `now` monotonic in fractional milliseconds, `wall` in milliseconds since 1970. */
export interface Clock {
  now(): number
  wall(): number
}

/** Something scheduled; cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void
}

/** One-shot timers on the scale of `Clock.now`, and the end of the current turn of the event loop. */
export interface Timers {
  at(time: number, run: () => void): Timer
  /** Runs after every datagram already received in this turn was handled. */
  soon(run: () => void): void
}

/** One bound UDP socket. */
export interface UdpSocket {
  /** The bound address with its real port. */
  readonly local: Address
  /** Sends a copy-free datagram: `bytes` belong to the socket until `sent` is called, once, whether it worked or not. */
  send(bytes: Uint8Array, to: Address, sent: () => void): void
  /** Datagrams the kernel dropped because the receive buffer was full, or null where it does not say. */
  kernelDrops(): number | null
  close(): Promise<void>
}

/** Binds UDP sockets; rejects with BIND_FAILED. */
export interface Udp {
  bind(local: Address, on: UdpEvents): Promise<UdpSocket>
}

/** `datagram` gives its buffer away, whose memory is its own: the receiver may change it in place, and what it slices out is a copy. */
export interface UdpEvents {
  datagram(bytes: Uint8Array, from: Address): void
  failed(error: unknown): void
}

/**
 * Finds the addresses of host names, of one family where one is named; at least one. Rejects, always within some seconds, with NAME_NOT_FOUND where
 * there is none, and with NAME_UNRESOLVED where nobody could say.
 */
export interface Names {
  resolve(host: string, options?: { readonly family?: 4 | 6 }): Promise<readonly Ip[]>
}

/** An ML-DSA-65 key pair: the raw public key (1,952 bytes), its PeerId, and the private key as PKCS#8 DER. Never logged. */
export interface Identity {
  readonly peerId: PeerId
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** The private key of an X.509 certificate, as PKCS#8 DER, and a name that no other key has. Never logged. */
export interface CertificateKey {
  readonly name: string
  readonly privateKey: Uint8Array
}

/** Work to be done, and for whom. */
export interface Job {
  readonly work: Work
  /** Whose key signs; null, where nothing is to be signed. */
  readonly identity: Identity | CertificateKey | null
  /**
   * Until when its result is of use, in the clock's milliseconds; by default at once. Of identity work the earliest deadline goes first:
   * when there is more than can be done in time, some handshakes finish, instead of all being late together.
   */
  readonly deadline?: number
  /** Whether anybody still waits for the result, asked when the work's turn has come; by default somebody does. */
  readonly wanted?: () => boolean
  /** Called once, in a later turn, with a result of the same id; `failed` when it could not be done, or was not wanted. */
  readonly done: (result: WorkDone) => void
}

/** Does work off the event loop; identity work (sign, verify) goes before chunk work. */
export interface Workers {
  /** Fails when the queue is full or the workers are closed. Chunk inputs (`plaintext`, `stored`) are handed over and must not be used again. */
  run(job: Job): void
  /** How long the longest waiting identity work has waited, in milliseconds: the gate's lateness of signing. */
  lateness(): number
  /** Identity work that was asked for and is not answered yet. */
  depth(): number
  close(): Promise<void>
}

/** An open file. Positions and sizes in bytes. */
export interface FileHandle {
  size(): Promise<number>
  /** Another text after the file's bytes were changed, by anybody; only to be compared with an earlier one. */
  version(): Promise<string>
  /** Reads up to `into.length` bytes; 0 at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>
  /** Writes all of `bytes`. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** Returns once what was written would survive a power cut. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** What is at a path; `mode` is its permission bits. */
export interface Look {
  readonly kind: 'file' | 'directory' | 'link' | 'other'
  readonly size: number
  readonly mode: number
  /** Of a file, what `FileHandle.version` says. */
  readonly version: string
}

/** What a file is opened for; creating fails where there is one. */
export type OpenMode = 'read' | 'create' | 'create-private'

/** Files by path; rejects with the system's error, whose `code` (ENOENT, EEXIST, ENOSPC …) is kept. */
export interface Files {
  /** What is created is for everybody whom the user's own settings let, or, `create-private`, for its owner alone (mode 0600). */
  open(path: string, mode: OpenMode): Promise<FileHandle>
  /** Replaces `to` atomically, then syncs the directory. A directory keeps what is in it, and replaces nothing but an empty one. */
  rename(from: string, to: string): Promise<void>
  /** A second name for the same file; EEXIST when there is one: how a file is put in place without replacing another. */
  link(from: string, to: string): Promise<void>
  /** Removing what is not there is no error. */
  remove(path: string): Promise<void>
  exists(path: string): Promise<boolean>
  /** What is at a path, a link not followed; null when nothing is. */
  look(path: string): Promise<Look | null>
  /** Sets the permission bits, 0 to 0o777; Windows knows one of them. */
  setMode(path: string, mode: number): Promise<void>
  /** Removes a directory and all that is in it; one that is not there is no error. */
  removeTree(directory: string): Promise<void>
  /** The names in a directory, sorted; empty when it is not there. */
  list(directory: string): Promise<string[]>
  /** Makes the directory and its parents, mode 0700; one that is there already is no error. */
  makeDirectory(directory: string): Promise<void>
  /** Locks a data directory for this process; rejects with DATA_DIR_IN_USE. The lock goes with the process, even when it is killed. */
  lock(directory: string): Promise<{ release(): Promise<void> }>
}

/** What somebody waits for: told when it begins and when it has ended. */
export type TracedWork = 'dial' | 'request' | 'send' | 'put' | 'get'

/** What befalls a connection: told when it is over. */
export type TracedStep = 'handshake' | 'identity'

/** What is said of it. No secret is, and no name of a file. */
export type TraceDetail = Readonly<Record<string, string | number | boolean | null>>

/** When a step began, in milliseconds since 1970, and what it took, in those of a clock that only goes forward. */
export interface TracedTime {
  readonly beganAt: number
  readonly tookMs: number
}

/** Tells whoever looks on what a node does, and costs a comparison where nobody does. */
export interface Tracing {
  /** Does work of which is told what it is about, and its end. */
  run<Result>(what: TracedWork, about: () => TraceDetail, work: () => Promise<Result>): Promise<Result>
  tell(what: TracedStep, about: () => TraceDetail & TracedTime): void
  /** What is run later by what this returns is told as a part of what goes on here and now. */
  here(): (run: () => void) => void
}

/** What whoever speaks on the network needs of the world. */
export type NetworkPorts = Omit<Ports, 'files' | 'names'>

/** Everything a node needs of the world. */
export interface Ports {
  readonly clock: Clock
  readonly timers: Timers
  readonly udp: Udp
  readonly workers: Workers
  readonly files: Files
  readonly crypto: Crypto
  readonly random: Random
  readonly names: Names
  /** Default: nobody looks on. */
  readonly tracing?: Tracing
}
