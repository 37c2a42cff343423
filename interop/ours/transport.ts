// How ours listen and connect: by the public entry, as anybody would.
import { readFileSync } from 'node:fs'
import { connect, listen, type Listener, type QuicOptions, type Session } from '../../src/quic/index.ts'
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

const common = ({ alpn, groups, suite }: Orders) => ({ alpn: [alpn], ...GROUPS[groups], ...SUITES[suite] })

/** Listens, as the orders say. */
export const listenFor = (orders: Orders): Promise<Listener> =>
  listen({
    ...common(orders),
    ...(orders.retry ? RETRY : {}),
    host: HOST,
    port: orders.port,
    certificate: { chain: readFileSync(orders.cert, 'utf8'), key: readFileSync(orders.key, 'utf8') },
    verify: 'anyone',
  })

/** Connects, as the orders say. */
export const connectFor = (orders: Orders): Promise<Session> =>
  connect({
    ...common(orders),
    host: HOST,
    port: orders.port,
    verify: { authorities: readFileSync(orders.ca, 'utf8'), name: 'localhost' },
  })
