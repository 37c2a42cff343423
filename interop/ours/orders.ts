// The command line that all peers here share, as ours take it (../README.md).
import { parseArgs } from 'node:util'
import type { Alpn, Groups, SuiteChoice, TestName } from '../peer.ts'

/** What is on the command line. */
export interface Orders {
  readonly role: string
  readonly port: number
  readonly alpn: Alpn
  readonly groups: Groups
  readonly suite: SuiteChoice
  readonly test: TestName
  readonly bytes: number
  readonly cert: string
  readonly key: string
  readonly ca: string
  /** Our own key instead of a certificate, and the one that is wanted; empty for none. */
  readonly rawKey: string
  readonly rawPeer: string
  readonly retry: boolean
  /** A port that the server would rather be spoken to at; 0 for none. */
  readonly preferred: number
  /** The server does not speak version 1. */
  readonly refused: boolean
}

const OPTIONS = {
  port: { type: 'string', default: '0' },
  alpn: { type: 'string', default: 'hq-interop' },
  groups: { type: 'string', default: 'default' },
  suite: { type: 'string', default: 'default' },
  test: { type: 'string', default: 'handshake' },
  bytes: { type: 'string', default: '1000' },
  cert: { type: 'string', default: '' },
  key: { type: 'string', default: '' },
  ca: { type: 'string', default: '' },
  'raw-key': { type: 'string', default: '' },
  'raw-peer': { type: 'string', default: '' },
  preferred: { type: 'string', default: '0' },
  retry: { type: 'boolean', default: false },
  refused: { type: 'boolean', default: false },
} as const

/** Reads it. */
export const orders = (args: readonly string[]): Orders => {
  const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true })
  const { port, preferred, alpn, groups, suite, test, bytes, 'raw-key': rawKey, 'raw-peer': rawPeer, ...rest } = values
  return {
    ...rest,
    rawKey,
    rawPeer,
    role: positionals[0] ?? '',
    port: Number(port),
    preferred: Number(preferred),
    alpn: alpn as Alpn,
    groups: groups as Groups,
    suite: suite as SuiteChoice,
    test: test as TestName,
    bytes: Number(bytes),
  }
}

/** Says what happened, for the runner to read. */
export const say = (fact: Readonly<Record<string, unknown>>): void => console.log(JSON.stringify(fact))
