// ngtcp2, by the programs of Debian's packages ngtcp2-client and ngtcp2-server. They speak HTTP/3 alone and take no orders beyond
// their options, so a test is a request or several, and their logs and the files they write are what is judged.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { pattern } from './pattern.ts'
import type { ClientCommands, ClientOrders, Command, Peer, Prepared, Role, ServerOrders, TestName } from './peer.ts'
import type { Run } from './process.ts'
import { debianVersion, found } from './toolchains.ts'

const HOST = '127.0.0.1'
const QUIET = ['--no-quic-dump', '--no-http-dump']
/** H3_NO_ERROR (RFC 9114 section 8.1). */
const H3_NO_ERROR = 0x100
const STREAMS = 100
/** What is asked for beside the point. */
const SMALL_BYTES = 1000

const NO_RAW_KEYS = 'its programs take no raw public keys'
const NO_HYBRID = 'GnuTLS here has no ML-KEM'
const NO_DATAGRAMS = 'its programs send no datagrams'
const LACKS: Record<Role, Partial<Record<TestName, string>>> = {
  client: {
    hybrid: NO_HYBRID,
    helloretry: 'it sends a key share of every group that we have',
    rawkeys: NO_RAW_KEYS,
    datagrams: NO_DATAGRAMS,
  },
  server: { hybrid: NO_HYBRID, rawkeys: NO_RAW_KEYS, datagrams: NO_DATAGRAMS },
}

/** ngtcp2 as Debian has it: absent where there is neither it nor Debian's way to it. */
export const prepareNgtcp2 = async (): Promise<Prepared> => {
  const name = 'ngtcp2'
  const client = found('gtlsclient')
  const server = found('gtlsserver')
  if (client === null || server === null) {
    const reason = 'the packages ngtcp2-client and ngtcp2-server are not installed'
    return { kind: found('apt-get') === null ? 'absent' : 'broken', name, reason }
  }
  const version = (await debianVersion('ngtcp2-client')) ?? 'unknown'
  return { kind: 'ready', peer: ngtcp2({ version, client, server }) }
}

const ngtcp2 = ({ version, client, server }: Record<'version' | Role, string>): Peer => ({
  name: 'ngtcp2',
  version,
  alpn: 'h3',
  announces: false,
  refusesV1: false,
  closesWith: H3_NO_ERROR,
  lacks: (role, test) => LACKS[role][test] ?? null,
  server: (orders) => serverCommand(server, orders),
  client: (orders) => clientCommands(client, orders),
  heardClose: ({ output }, code) => heardClose(output, code),
})

/** It answers with files; paths that are numbers it answers with as many bytes of its own choice, so ours have an ending. */
const serverCommand = (file: string, orders: ServerOrders): Command => {
  const { port, preferred, certificates, groups, retry, directory, bytes } = orders
  for (const length of new Set([SMALL_BYTES, bytes])) writeFileSync(join(directory, nameOf(length)), pattern(length))
  const own = [
    ...(retry ? ['--validate-addr'] : []),
    ...(preferred === null ? [] : [`--preferred-ipv4-addr=${HOST}:${preferred}`]),
    ...(groups === 'p256' ? ['--groups=-GROUP-ALL:+GROUP-SECP256R1'] : []),
  ]
  return { file, args: [...QUIET, ...own, HOST, String(port), certificates.key, certificates.chain], cwd: directory }
}

/** What stands for a length in HTTP/3 here. */
const nameOf = (length: number): string => `${length}.bin`

const clientCommands = (file: string, orders: ClientOrders): ClientCommands => {
  const { test, bytes, directory } = orders
  const downloads = join(directory, 'downloads')
  mkdirSync(downloads)
  const ask = (options: readonly string[], paths: readonly string[]): Command => {
    const { port } = orders
    const always = [...QUIET, '--exit-on-all-streams-close', '--download', downloads]
    const urls = paths.map((path) => `https://localhost:${port}/${path}`)
    return { file, args: [...always, ...options, HOST, String(port), ...urls] }
  }
  const get = (...options: string[]): Command => ask(options, [nameOf(bytes)])
  const got = (): string | null => unlike(downloads, [bytes])
  const before = (check: (log: string) => boolean, what: string): ClientCommands => ({
    commands: [],
    objection: (runs) => (check(runs.at(-1)?.output ?? '') ? got() : what),
  })
  switch (test) {
    case 'upload': {
      const body = join(directory, 'body')
      writeFileSync(body, pattern(bytes))
      const digest = createHash('sha256').update(pattern(bytes)).digest('hex')
      const objection = (): string | null => (contents(downloads, 'upload') === digest ? null : 'the digest is another')
      return { commands: [ask(['--http-method', 'POST', '--data', body], ['upload'])], objection }
    }
    case 'streams': {
      const lengths = Array.from({ length: STREAMS }, (_, i) => bytes + i)
      return { commands: [ask([], lengths.map(nameOf))], objection: () => unlike(downloads, lengths) }
    }
    case 'keyupdate':
      return {
        ...before((log) => log.includes('key update confirmed'), 'no key update was confirmed'),
        commands: [get('--key-update=1ms')],
      }
    case 'resume': {
      const session = ['--session-file', join(directory, 'session'), '--tp-file', join(directory, 'parameters')]
      const again = get(...session, '--disable-early-data')
      return { commands: [again, again], objection: got }
    }
    case 'version':
      return {
        ...before((log) => log.includes('RECV_VERSION_NEGOTIATION'), 'no version negotiation was received'),
        commands: [get('--version=0x1a2a3a4a', '--preferred-versions=v1')],
      }
    case 'close': {
      const objection = ([, second]: readonly Run[]): string | null =>
        heardClose(second?.output ?? '', 43) ? got() : 'no close with 43 was heard'
      return { commands: [get(), ask([], ['close/43'])], objection }
    }
    case 'migrate':
      return { commands: [get('--change-local-addr=5ms')], objection: got }
    case 'handshake':
    case 'datagrams':
    case 'preferred':
    case 'retry':
    case 'download':
    case 'loss':
    case 'lossup':
    case 'rebind':
    case 'hybrid':
    case 'helloretry':
    case 'aes256':
    case 'chacha20':
    case 'rsa':
    case 'ed25519':
    case 'rawkeys':
      return { commands: [get()], objection: got }
  }
}

const heardClose = (log: string, code: number): boolean =>
  new RegExp(`frm rx \\d+ 1RTT CONNECTION_CLOSE\\(0x1d\\) error_code=[^ ]*\\(0x${code.toString(16)}\\)`).test(log)

const contents = (directory: string, name: string): string | null => {
  try {
    return readFileSync(join(directory, name), 'latin1')
  } catch {
    return null
  }
}

/** What is wrong with the files downloaded: each is named by its length. */
const unlike = (downloads: string, lengths: readonly number[]): string | null => {
  for (const length of lengths) {
    const text = contents(downloads, nameOf(length))
    if (text === null) return `${nameOf(length)} was not downloaded`
    if (text !== Buffer.from(pattern(length)).toString('latin1')) return `${nameOf(length)} is not what was asked for`
  }
  return null
}
