// One who speaks QUIC here: how it is run as a server and as a client, and what it cannot do. Each program takes its orders on the
// command line and says what happened in lines of JSON (README.md); ngtcp2's own programs are read by their logs instead.
import type { Run } from './process.ts'

export type Role = 'client' | 'server'

/** What is tried; cases.ts says what each is. */
export type TestName =
  | 'handshake'
  | 'retry'
  | 'download'
  | 'upload'
  | 'loss'
  | 'lossup'
  | 'streams'
  | 'datagrams'
  | 'keyupdate'
  | 'resume'
  | 'close'
  | 'version'
  | 'rebind'
  | 'migrate'
  | 'preferred'
  | 'hybrid'
  | 'helloretry'
  | 'aes256'
  | 'chacha20'
  | 'rsa'
  | 'ed25519'
  | 'rawkeys'

/** Groups that TLS is restricted to. */
export type Groups = 'default' | 'hybrid' | 'p256'

/** The cipher suite that ours is restricted to; whoever it speaks with has all three. */
export type SuiteChoice = 'default' | 'aes256' | 'chacha20'

/** What a server's certificate is of. */
export type KeyKind = 'p256' | 'rsa' | 'ed25519'

/** What the exchange is spoken in: HTTP/0.9 over QUIC, as in the public interoperability runner, or a little HTTP/3. */
export type Alpn = 'hq-interop' | 'h3'

/** Files of an ML-DSA-65 key: the private one, PKCS#8 in the identity file of a data directory of ours, and the public one, PEM. */
export interface RawKey {
  readonly identity: string
  readonly shown: string
}

/** Files of one run, made anew for it. */
export interface Certificates {
  /** The chain and key of the server named localhost, PEM. */
  readonly chain: string
  readonly key: string
  /** Whom clients trust, PEM. */
  readonly authority: string
  /** Keys that are shown without a certificate (RFC 7250). */
  readonly raw: Readonly<Record<Role, RawKey>>
}

/** What a server is to do. */
export interface ServerOrders {
  readonly test: TestName
  readonly port: number
  readonly alpn: Alpn
  readonly certificates: Certificates
  readonly groups: Groups
  readonly suite: SuiteChoice
  /** A port that it would rather be spoken to at; null for none. */
  readonly preferred: number | null
  /** How much its clients will ask for. */
  readonly bytes: number
  /** Each client has to show its address by a Retry. */
  readonly retry: boolean
  /** Version 1 is not spoken. */
  readonly refuseV1: boolean
  /** An empty directory of its own. */
  readonly directory: string
}

/** What a client is to do. */
export interface ClientOrders {
  readonly test: TestName
  readonly port: number
  readonly alpn: Alpn
  readonly certificates: Certificates
  readonly groups: Groups
  readonly suite: SuiteChoice
  readonly bytes: number
  /** Where the client has to go when its handshake is done; null for nowhere. */
  readonly preferred: number | null
  /** The server does not speak version 1: that is what the client has to find. */
  readonly refused: boolean
  readonly directory: string
}

/** A program and its arguments. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly cwd?: string
}

/** A client's programs, one after another, and what their runs say against them: null for nothing. */
export interface ClientCommands {
  readonly commands: readonly Command[]
  readonly objection: (runs: readonly Run[]) => string | null
}

/** One implementation. */
export interface Peer {
  readonly name: string
  readonly version: string
  /** What it speaks; ours speaks what the other does. */
  readonly alpn: Alpn
  /** Whether its server says when it listens. */
  readonly announces: boolean
  /** What it has no way to do in a role: the reason, or null. */
  lacks(role: Role, test: TestName): string | null
  /** Whether it can be a server that does not speak version 1. */
  readonly refusesV1: boolean
  server(orders: ServerOrders): Command
  client(orders: ClientOrders): ClientCommands
  /** Whether a server's run shows that it heard a close with this application code. */
  heardClose(server: Run, code: number): boolean
  /** The application code its clients close with when they are content. */
  readonly closesWith: number
}

/** A peer that can be run, or why it is not: `absent` is no failure, `broken` is. */
export type Prepared =
  | { readonly kind: 'ready'; readonly peer: Peer }
  | { readonly kind: 'absent' | 'broken'; readonly name: string; readonly reason: string }
