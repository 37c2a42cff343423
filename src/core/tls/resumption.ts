// Coming back without a signature (RFC 8446 section 2.2): which offered ticket a server takes up, what both ends keep once a handshake is
// complete, and the ticket that follows from it. A ticket that is not taken up costs nothing: the same hello begins a full handshake.
import { Reader } from '../bytes.ts'
import type { Crypto, Suite } from '../ports.ts'
import { malformed, type Refusal } from './alerts.ts'
import { NOBODY } from './authentication.ts'
import type { ClientOffer } from './client-offer.ts'
import { EXTENSION, RAW_PUBLIC_KEY, X509 } from './extensions.ts'
import type { ClientHello } from './hello.ts'
import { preSharedKey } from './key-schedule.ts'
import {
  binderObjection,
  decodeOfferedKeys,
  encodeSessionTicket,
  type HashWith,
  type ResumableSession,
  type SessionTicket,
  takesPskWithExchange,
} from './pre-shared-key.ts'
import type { Resumption, TlsConfig, TlsPeer } from './session.ts'
import { SUITES } from './suites.ts'
import type { Terms } from './terms.ts'
import { type Ticket, TICKET_MS } from './tickets.ts'

/** What both ends have in common once a handshake is complete, and what a later one can begin with. */
export interface Resumable {
  /** From which pre-shared keys follow. */
  readonly secret: Uint8Array
  readonly suite: Suite
  readonly alpn: string
  readonly peer: TlsPeer
  /** Server only: when the client signed, in wall time (ms); null: just now. */
  readonly signedAt: number | null
}

/** A ticket that a server takes up. */
export interface TakenUp {
  /** Which one of those offered. */
  readonly index: number
  readonly ticket: Ticket
}

/** Tickets that are looked at in one hello; a client of ours offers one. */
const LOOKS_MAX = 2

/** The ticket of a ClientHello that is taken up, null for none, or a refusal of a hello that is wrong. `bytes` is the whole message. */
export const takeUp = (
  hello: ClientHello,
  bytes: Uint8Array,
  server: {
    readonly config: TlsConfig
    readonly terms: Terms
    readonly offer: ClientOffer
    readonly hashWith: HashWith
  },
): TakenUp | Refusal | null => {
  const body = hello.extensions.get(EXTENSION.preSharedKey)
  if (body === undefined) return null
  const all = decodeOfferedKeys(body)
  if (all === null) return malformed('pre_shared_key')
  const isMode = takesPskWithExchange(hello.extensions.get(EXTENSION.pskKeyExchangeModes) ?? new Uint8Array(0))
  if (isMode === null) return malformed('psk_key_exchange_modes')
  const { config, terms, offer, hashWith } = server
  if (!isMode || config.tickets === undefined) return null
  for (const [index, chosen] of all.slice(0, LOOKS_MAX).entries()) {
    const ticket = config.tickets.open(chosen.ticket)
    if (ticket === null || !suits(ticket, offer, terms)) continue
    const objection = binderObjection(config.crypto, bytes, { all, chosen, secret: ticket.secret }, hashWith)
    return objection ?? { index, ticket }
  }
  return null
}

/** The terms are looked at again: whoever would not get in today does not by a ticket of yesterday. */
const suits = ({ peerId, suite, alpn }: Ticket, offer: ClientOffer, { types, client }: Terms): boolean => {
  if (SUITES[suite].hash !== SUITES[offer.suite].hash || alpn !== offer.alpn) return false
  return peerId === null ? client !== 'required' : client !== 'not-asked' && types.includes(RAW_PUBLIC_KEY)
}

/** Who comes back with a ticket; its public key is not in it. */
export const holderOf = ({ peerId }: Ticket): TlsPeer => (peerId === null ? NOBODY : { peerId, publicKey: null })

/** Of whom a client keeps sessions: a node goes by PeerIds, and the key behind one is two kilobytes. */
export const keptPeer = (peer: TlsPeer, { general }: TlsConfig): TlsPeer =>
  general === undefined && peer.peerId !== null ? { peerId: peer.peerId, publicKey: null } : peer

/** Whether a client may come back with a session: in time, on its terms, and to the peer that is wanted now. */
export const mayResume = ({ session, ageMs }: Resumption, { alpn, expectedPeer }: TlsConfig, terms: Terms): boolean => {
  const { suite, lifetimeMs, peer } = session
  const isWanted = peer.peerId === null ? terms.types.includes(X509) : terms.types.includes(RAW_PUBLIC_KEY)
  return (
    session.ticket.length <= terms.bounds.ticketMax &&
    ageMs >= 0 &&
    ageMs < lifetimeMs &&
    alpn.includes(session.alpn) &&
    terms.suites.some((ours) => SUITES[ours].hash === SUITES[suite].hash) &&
    isWanted &&
    (peer.peerId === null || expectedPeer === null || expectedPeer === peer.peerId)
  )
}

/** The session that a NewSessionTicket lets a client come back with; null when it is of no use. */
export const sessionOf = (
  crypto: Crypto,
  ticket: SessionTicket,
  { secret, suite, alpn, peer }: Resumable,
): ResumableSession | null => {
  if (ticket.lifetime === 0) return null
  return {
    ticket: ticket.ticket,
    secret: preSharedKey(crypto, secret, ticket.nonce),
    suite,
    alpn,
    ageAdd: ticket.ageAdd,
    lifetimeMs: Math.min(ticket.lifetime * 1000, TICKET_MS),
    peer,
  }
}

/** One ticket is issued for a handshake, so one nonce will do. */
const NONCE = Uint8Array.of(0)

/** The NewSessionTicket message for a client, or null where there is to be none: its certificate would have to be in it. */
export const ticketFor = (config: TlsConfig, { secret, suite, alpn, peer, signedAt }: Resumable): Uint8Array | null => {
  const { crypto, random, tickets } = config
  if (tickets === undefined || (peer.peerId === null && peer !== NOBODY)) return null
  const own = preSharedKey(crypto, secret, NONCE)
  const ticket = tickets.seal({ peerId: peer.peerId, suite, alpn, secret: own, signedAt })
  const ageAdd = new Uint8Array(4)
  random.fill(ageAdd)
  return encodeSessionTicket({
    lifetime: TICKET_MS / 1000,
    ageAdd: new Reader(ageAdd).u32(),
    nonce: NONCE,
    ticket,
  })
}
