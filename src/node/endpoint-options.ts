// What an endpoint is made of, a node's or any other's.
import type { Counters } from '../core/counters.ts'
import type { GateOptions } from '../core/gate/options.ts'
import type { Histograms } from '../core/histograms.ts'
import type { QuicConfig } from '../core/quic/connection.ts'
import type { ConnectionOutput } from '../core/quic/outputs.ts'
import type { TransportSettings } from '../core/quic/settings.ts'
import type { CertificateKey, Identity, NetworkPorts } from '../io/ports.ts'
import type { Acceptance, Admission, Crowd, Handles } from './acceptance.ts'
import type { inVain } from './close-reasons.ts'
import type { GivenTokens } from './given-tokens.ts'
import type { Link } from './link.ts'
import type { LinkEnds } from './link-config.ts'
import type { EndpointLimits } from './options.ts'
import type { Quic } from './quic.ts'
import type { Schedule } from './schedule.ts'

/** What an endpoint is made of. */
export interface EndpointOptions {
  readonly ports: NetworkPorts
  /** Whose raw key is shown; null, where nodes are not concerned: none is. */
  readonly identity: Identity | null
  /** The key of our X.509 certificate, where we have one. */
  readonly certificateKey?: CertificateKey
  /** Application protocols, best first. */
  readonly alpn: readonly string[]
  readonly limits: EndpointLimits
  readonly transport: TransportSettings
  readonly schedule: Schedule
  readonly counters: Counters
  /** Default: nobody reads how long things take. */
  readonly histograms?: Histograms
  readonly acceptance: Acceptance
  readonly handles: Handles
  /** Default: the gate's. */
  readonly gate?: Partial<GateOptions>
  /** What servers gave us for our next dial of their address. Default: its own, which go with it. */
  readonly tokens?: GivenTokens
  /** Nobody dials it: what is of no connection of its own is dropped unread. Default: others dial it, too. */
  readonly dialsOnly?: boolean
  /** Default: nobody has a share of the connections, and nobody goes. */
  readonly crowd?: Crowd
  /** 32 bytes that stateless resets are made with. Default: drawn, so that none is understood after a restart. */
  readonly resetSecret?: Uint8Array
  /** Default: no handshake waits for another. */
  readonly admission?: Admission
  /** What connections are asked for that no node asks for, and who is told; default: nothing, and nobody. */
  readonly more?: More
  /** Whether an inbound connection that ended so was begun in vain; default: as a node sees it. */
  readonly inVain?: typeof inVain
  /** Default: the core's. */
  readonly quic?: Quic
}

/** What a connection tells that none of a node's does. */
export type MoreOutput = Extract<
  ConnectionOutput,
  { readonly kind: 'judge' | 'key-log' | 'session' | 'migration-failed' | `datagram-${string}` }
>

/** What a connection's configuration has besides, and who hears what comes of that: of `judge` it has to say `judged` to the link. */
export interface More {
  readonly config: (ends: LinkEnds) => Partial<QuicConfig>
  readonly told: (link: Link, output: MoreOutput) => void
}
