// What a connection begins with: the node's own keys, secrets and settings.
import { type Address, classify } from '../core/address.ts'
import type { PeerId } from '../core/ids.ts'
import type { Crypto, Suite } from '../core/ports.ts'
import type { QuicConfig } from '../core/quic/connection.ts'
import type { Place } from '../core/quic/path.ts'
import type { TransportSettings } from '../core/quic/settings.ts'
import type { Identity, Ports } from '../io/ports.ts'
import type { Returning } from './returning.ts'

/** A connection's configuration with its settings. */
export type LinkConfig = QuicConfig & { readonly transport: TransportSettings }

/** What all connections of one endpoint have in common. */
export interface LinkParentage {
  readonly ports: Pick<Ports, 'crypto' | 'random'>
  readonly identity: Identity | null
  /** Application protocols, best first. */
  readonly alpn: readonly string[]
  readonly transport: TransportSettings
  readonly resetSecret: Uint8Array
  /** What a connection has besides; default: nothing. */
  readonly more?: { readonly config: (ends: LinkEnds) => Partial<QuicConfig> }
  readonly returning: Returning
}

/** Which end we are, of a connection with whom. */
export interface LinkEnds {
  readonly role: 'client' | 'server'
  readonly remote: Place
  readonly expectedPeer: PeerId | null
}

/**
 * The suites for a path, the dialler's best first, which acceptors follow: what is fastest here for packets of internet size, but AES-GCM
 * for the large ones of loopback. Both ends take both.
 */
export const suitesTo = (remote: Address, { swiftest }: Pick<Crypto, 'swiftest'>): readonly Suite[] =>
  classify(remote) !== 'loopback' && swiftest === 0x1303 ? CHACHA_FIRST : AES_FIRST

const CHACHA_FIRST: readonly Suite[] = [0x1303, 0x1301]
const AES_FIRST: readonly Suite[] = [0x1301, 0x1303]

/** The configuration of one connection. */
export const linkConfig = (
  { ports, identity, alpn, transport, resetSecret, returning, more }: LinkParentage,
  ends: LinkEnds,
): LinkConfig => ({
  ...ends,
  ...(ends.role === 'client' ? returning.dialling(ends.expectedPeer) : returning.accepting()),
  suites: suitesTo(ends.remote, ports.crypto),
  crypto: ports.crypto,
  random: ports.random,
  publicKey: identity?.publicKey ?? null,
  alpn,
  resetSecret,
  ...more?.config(ends),
  transport,
})
