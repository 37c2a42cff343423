// What a node is made of, checked: texts become addresses, absent options get their defaults.
import { type Address, parseAddress } from '../core/address.ts'
import type { GateOptions } from '../core/gate/options.ts'
import { SallyportError } from '../core/errors.ts'
import type { Capability } from '../core/messages/hello.ts'
import type { Identity, Ports } from '../io/ports.ts'
import { parseDialAddress } from '../core/named-address.ts'
import type { Bootstrap } from './bootstrap.ts'
import type { Logger } from './logger.ts'
import type { Limits } from './options.ts'
import type { Policy } from './policy.ts'

/** Options of `createNode`; every one may be left out. */
export interface NodeOptions {
  /** Addresses to bind, `/ip4/127.0.0.1/udp/0/quic-v1`; port 0 is any free one. Default: every address of both families. */
  readonly listen?: readonly string[]
  /** Nodes to join the network through, by address or name (`/dns4/…`, `/dns6/…`), with or without `/p2p/…`. Names are resolved at each join. */
  readonly bootstrap?: readonly string[]
  /** Where the identity and the chunks are. Without it the identity is thrown away and no chunk is held. */
  readonly dataDirectory?: string
  /** Instead of the data directory's, or of one made for this run. */
  readonly identity?: Identity
  /** A client is put into nobody's phonebook. Default: `node` with a data directory, otherwise `client`. */
  readonly capability?: Capability
  /** Whether peers of one address or network are limited; `auto`: unless all our addresses are 127.0.0.1 or ::1. */
  readonly diversity?: 'auto' | 'on' | 'off'
  /** Bytes of chunks on disk at most. Default 64 GiB. */
  readonly capacityBytes?: number
  /**
   * Whether a peer that has identified itself may be here; asked once for each connection, and everything waits meanwhile. What is not
   * `true`, and a throw, closes the connection with REFUSED. Default: everybody may.
   */
  readonly policy?: Policy
  readonly limits?: Partial<Limits>
  /** Settings of the gate, by which others are let in; `docs/limits.md` lists them. */
  readonly gate?: Partial<GateOptions>
  /** Told what an operator wants to know, in a bounded number of lines; docs/operations.md lists them. Default: nothing is logged. */
  readonly logger?: Logger
  /** The world. Default: this machine, with worker threads shared by the nodes of the process. */
  readonly ports?: Ports
}

/** The options of a node after `checkOptions`. */
export interface CheckedOptions {
  readonly listen: readonly Address[]
  /** The caller named no address: a family that this machine lacks is done without. */
  readonly listenDefault: boolean
  readonly bootstrap: readonly Bootstrap[]
  readonly capability: Capability
  readonly diversity: 'auto' | 'on' | 'off'
}

const EVERYWHERE: readonly Address[] = [
  { family: 4, ip: '0.0.0.0', port: 0 },
  { family: 6, ip: '::', port: 0 },
]

/** Checks options; throws ADDRESS_INVALID or ARGUMENT_INVALID. */
export const checkOptions = (options: NodeOptions): CheckedOptions => {
  const listen = (options.listen ?? []).map((text) => listenAddress(text))
  if (
    listen.filter(({ family }) => family === 4).length > 1 ||
    listen.filter(({ family }) => family === 6).length > 1
  ) {
    throw new SallyportError(
      'ARGUMENT_INVALID',
      'a node has one socket a family: name one IPv4 and one IPv6 address at most',
    )
  }
  return Object.freeze({
    listen: listen.length > 0 ? listen : EVERYWHERE,
    listenDefault: listen.length === 0,
    bootstrap: (options.bootstrap ?? []).map((text) => peerAddress(text)),
    capability: options.capability ?? (options.dataDirectory === undefined ? 'client' : 'node'),
    diversity: options.diversity ?? 'auto',
  })
}

const listenAddress = (text: string): Address => {
  const parsed = parseAddress(text, { listen: true })
  if (parsed !== null && parsed.peerId === null) return parsed.address
  throw new SallyportError(
    'ADDRESS_INVALID',
    `${text} is no address to listen at, such as /ip4/0.0.0.0/udp/9000/quic-v1`,
  )
}

const peerAddress = (text: string): Bootstrap => {
  const parsed = parseDialAddress(text)
  if (parsed !== null) return parsed
  throw new SallyportError(
    'ADDRESS_INVALID',
    `${text} is no address of a node, such as /ip4/192.0.2.1/udp/9000/quic-v1 or /dns4/example.org/udp/9000/quic-v1`,
  )
}
