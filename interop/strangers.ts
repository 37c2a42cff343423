// Implementations that we did not write and whose programs here take the common command line: aioquic, quic-go and quinn.
import { join } from 'node:path'
import type { ClientOrders, Command, Peer, Prepared, Role, ServerOrders, TestName } from './peer.ts'
import type { Run } from './process.ts'
import { type Built, buildAioquic, buildQuicGo, buildQuinn, pinned } from './toolchains.ts'

/** What a peer of the common command line is. */
export interface Common {
  readonly name: string
  readonly version: string
  readonly file: string
  readonly before: readonly string[]
  readonly lacks: Partial<Record<TestName, string>>
}

/** A peer whose programs take the common command line and print facts. */
export const commonPeer = ({ name, version, file, before, lacks }: Common): Peer => {
  const command = (role: Role, args: readonly string[]): Command => ({ file, args: [...before, role, ...args] })
  return {
    name,
    version,
    alpn: 'hq-interop',
    announces: true,
    refusesV1: true,
    closesWith: 42,
    lacks: (_, test) => lacks[test] ?? null,
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
export const serverArguments = ({ port, certificates, groups, retry, refuseV1 }: ServerOrders): string[] => {
  const always = { port: String(port), cert: certificates.chain, key: certificates.key, groups }
  return [...named(always), ...(retry ? ['--retry'] : []), ...(refuseV1 ? ['--refuse-v1'] : [])]
}

/** The command line of a client. */
export const clientArguments = ({ test, port, certificates, groups, bytes }: ClientOrders): string[] =>
  named({ test, port: String(port), ca: certificates.authority, groups, bytes: String(bytes) })

const named = (options: Record<string, string>): string[] =>
  Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])

const prepared = (name: string, built: Built, peer: (file: string) => Peer): Prepared =>
  built.kind === 'built' ? { kind: 'ready', peer: peer(built.file) } : { ...built, name }

const NO_HYBRID = { hybrid: 'no ML-KEM' }

/** aioquic, in Python. */
export const prepareAioquic = async (): Promise<Prepared> => {
  const version = pinned('aioquic/requirements.txt', /^aioquic==(\S+)$/m)
  const before = [join(import.meta.dirname, 'aioquic/peer.py')]
  return prepared('aioquic', await buildAioquic(), (file) =>
    commonPeer({ name: 'aioquic', version, file, before, lacks: NO_HYBRID }),
  )
}

/** quic-go, over the TLS of Go. */
export const prepareQuicGo = async (): Promise<Prepared> => {
  const version = pinned('quic-go/go.mod', /quic-go\/quic-go v(\S+)/)
  return prepared('quic-go', await buildQuicGo(), (file) =>
    commonPeer({ name: 'quic-go', version, file, before: [], lacks: {} }),
  )
}

/** quinn, over rustls. */
export const prepareQuinn = async (): Promise<Prepared> => {
  const version = pinned('quinn/Cargo.toml', /quinn = \{ version = "=([^"]+)"/)
  return prepared('quinn', await buildQuinn(), (file) =>
    commonPeer({ name: 'quinn', version, file, before: [], lacks: {} }),
  )
}
