// Implementations that we did not write and whose programs here take the common command line: aioquic, quic-go and quinn.
import { join } from 'node:path'
import type { Certificates, ClientOrders, Command, Peer, Prepared, Role, ServerOrders, TestName } from './peer.ts'
import type { Run } from './process.ts'
import { type Built, buildAioquic, buildQuicGo, buildQuinn, pinned } from './toolchains.ts'

/** What a peer of the common command line is. */
export interface Common {
  readonly name: string
  readonly version: string
  readonly file: string
  readonly before: readonly string[]
  readonly lacks: Partial<Record<TestName, string>>
  /** What its client has no way to do besides. */
  readonly clientLacks?: Partial<Record<TestName, string>>
}

/** A peer whose programs take the common command line and print facts. */
export const commonPeer = ({ name, version, file, before, lacks, clientLacks = {} }: Common): Peer => {
  const command = (role: Role, args: readonly string[]): Command => ({ file, args: [...before, role, ...args] })
  return {
    name,
    version,
    alpn: 'hq-interop',
    announces: true,
    refusesV1: true,
    closesWith: 42,
    lacks: (role, test) => lacks[test] ?? (role === 'client' ? clientLacks[test] : null) ?? null,
    server: (orders) => command('server', serverArguments(orders)),
    client: (orders) => ({
      commands: [command('client', clientArguments(orders))],
      objection: ([run]) => (run === undefined ? 'not run' : objection(run)),
    }),
    heardClose: ({ facts }, code) =>
      facts.some((fact) => fact['event'] === 'closed' && fact['kind'] === 'application' && fact['code'] === code),
  }
}

/** A client of ours and theirs is content when it ends well and says so. */
const objection = (run: Run): string | null => {
  if (run.code === 0 && run.facts.some(({ ok }) => ok === true)) return null
  const said = run.output.split('\n').filter((line) => line.trim() !== '')
  return said.at(-1) ?? `it ended with ${String(run.code)} and no word`
}

/** The command line of a server. */
export const serverArguments = ({ test, port, certificates, groups, retry, refuseV1 }: ServerOrders): string[] => {
  const always = { port: String(port), cert: certificates.chain, key: certificates.key, groups }
  return [
    ...named(always),
    ...rawKeys('server', test, certificates),
    ...(retry ? ['--retry'] : []),
    ...(refuseV1 ? ['--refuse-v1'] : []),
  ]
}

/** The command line of a client. */
export const clientArguments = ({ test, port, certificates, groups, bytes }: ClientOrders): string[] => [
  ...named({ test, port: String(port), ca: certificates.authority, groups, bytes: String(bytes) }),
  ...rawKeys('client', test, certificates),
]

/** Both ends show raw keys in this test, and know each other's. */
const rawKeys = (own: Role, test: TestName, { raw }: Certificates): string[] => {
  if (test !== 'rawkeys') return []
  const other = own === 'client' ? 'server' : 'client'
  return named({ 'raw-key': raw[own].identity, 'raw-peer': raw[other].shown })
}

const named = (options: Record<string, string>): string[] =>
  Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])

const prepared = (name: string, built: Built, peer: (file: string) => Peer): Prepared =>
  built.kind === 'built' ? { kind: 'ready', peer: peer(built.file) } : { ...built, name }

const NO_RAW_KEYS = 'no raw public keys'
const NO_PREFERRED = 'no preferred address'
/** Its client offers a key share of every group, its server answers none else. */
const AIOQUIC_LACKS = {
  hybrid: 'no ML-KEM',
  helloretry: 'no HelloRetryRequest',
  rawkeys: NO_RAW_KEYS,
  preferred: NO_PREFERRED,
}

/** aioquic, in Python. */
export const prepareAioquic = async (): Promise<Prepared> => {
  const version = pinned('aioquic/requirements.txt', /^aioquic==(\S+)$/m)
  const before = [join(import.meta.dirname, 'aioquic/peer.py')]
  return prepared('aioquic', await buildAioquic(), (file) =>
    commonPeer({
      name: 'aioquic',
      version,
      file,
      before,
      lacks: AIOQUIC_LACKS,
      clientLacks: { migrate: 'no way to move' },
    }),
  )
}

/** quic-go, over the TLS of Go. */
export const prepareQuicGo = async (): Promise<Prepared> => {
  const version = pinned('quic-go/go.mod', /quic-go\/quic-go v(\S+)/)
  return prepared('quic-go', await buildQuicGo(), (file) =>
    commonPeer({
      name: 'quic-go',
      version,
      file,
      before: [],
      lacks: { rawkeys: NO_RAW_KEYS, preferred: NO_PREFERRED },
    }),
  )
}

/** quinn, over rustls. */
export const prepareQuinn = async (): Promise<Prepared> => {
  const version = pinned('quinn/Cargo.toml', /quinn = \{ version = "=([^"]+)"/)
  return prepared('quinn', await buildQuinn(), (file) =>
    commonPeer({ name: 'quinn', version, file, before: [], lacks: { preferred: NO_PREFERRED } }),
  )
}
