// How ours listen and connect: by the public entry, as anybody would.
import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  connect,
  listen,
  readIdentity,
  SessionCache,
  type Listener,
  type QuicOptions,
  type Session,
} from '../../src/quic/index.ts'
import { PUBLIC_KEY_BYTES } from '../../src/core/tls/raw-public-key.ts'
import type { Groups, SuiteChoice } from '../peer.ts'
import type { Orders } from './orders.ts'

export type { BidirectionalStream, Session } from '../../src/quic/index.ts'

const HOST = '127.0.0.1'

const GROUPS: Readonly<Record<Groups, Pick<QuicOptions, 'groups'>>> = {
  default: {},
  hybrid: { groups: ['x25519mlkem768'] },
  p256: { groups: ['secp256r1'] },
}

const SUITES: Readonly<Record<SuiteChoice, Pick<QuicOptions, 'suites'>>> = {
  default: {},
  aes256: { suites: ['aes-256-gcm'] },
  chacha20: { suites: ['chacha20-poly1305'] },
}

/** With three slots none is a stranger's: whoever has not shown its address yet has to, by a Retry. */
const RETRY = { gate: { loopback: 'as-outside' }, limits: { halfOpenInMax: 3 } } as const

const common = ({ alpn, groups, suite }: Orders) => ({
  alpn: [alpn],
  datagrams: true,
  ...GROUPS[groups],
  ...SUITES[suite],
})

/** Who we are and whom we want where both ends show raw keys: a data directory's identity, and a public key. */
const rawKeys = async ({ rawKey, rawPeer }: Orders) => {
  const identity = await readIdentity(dirname(rawKey))
  assert(identity !== null, `${rawKey} is no identity`)
  const key = createPublicKey(readFileSync(rawPeer)).export({ format: 'der', type: 'spki' })
  return { identity, verify: { keys: [Uint8Array.from(key.subarray(-PUBLIC_KEY_BYTES))] } }
}

/** Listens, as the orders say. */
export const listenFor = async (orders: Orders): Promise<Listener> => {
  const place = { ...common(orders), ...(orders.retry ? RETRY : {}), host: HOST, port: orders.port }
  const rather = orders.preferred === 0 ? {} : { preferredAddress: [{ host: HOST, port: orders.preferred }] }
  if (orders.rawKey !== '') return listen({ ...place, ...(await rawKeys(orders)) })
  const certificate = { chain: readFileSync(orders.cert, 'utf8'), key: readFileSync(orders.key, 'utf8') }
  return listen({ ...place, ...rather, certificate, verify: 'anyone' })
}

/** What the server gave to come back with, in this process. */
const sessions = new SessionCache()

/** Whether there is something to come back with. */
export const hasTicket = (): boolean => sessions.size > 0

/** Connects, as the orders say. */
export const connectFor = async (orders: Orders): Promise<Session> => {
  const place = { ...common(orders), host: HOST, port: orders.port, sessions }
  if (orders.rawKey !== '') return connect({ ...place, ...(await rawKeys(orders)) })
  return connect({ ...place, verify: { authorities: readFileSync(orders.ca, 'utf8'), name: 'localhost' } })
}
