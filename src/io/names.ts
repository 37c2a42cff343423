// Host names, resolved without the thread pool that files share: localhost by itself, then the hosts file, then the name servers of this
// machine, asked by c-ares over sockets of its own. Bounded in time and in how many are asked for at once.
import { Resolver } from 'node:dns'
import { SallyportError } from '../core/errors.ts'
import { type Ip, parseIp } from '../core/ip.ts'
import { hostsAddresses } from './hosts-file.ts'
import type { Names } from './ports.ts'

/** How names are resolved. */
export interface NamesOptions {
  /** Name servers, `192.0.2.1` or `192.0.2.1:53`. Default: this machine's. */
  readonly servers?: readonly string[]
  /** A name without an answer by then has failed. */
  readonly timeoutMs?: number
  /** The addresses that this machine gives a name by itself. */
  readonly hosts?: (host: string) => readonly Ip[]
}

/** A server that does not answer is asked again, and another; in all this long. */
const TIMEOUT_MS = 5000
const TRY_MS = 1500
const TRIES = 2

/** Names being resolved at once; a further one fails. */
const AT_ONCE = 64

/** Addresses of one name that are taken. */
const ADDRESSES_MAX = 16

/** Errors that mean that there is no such name, or no address of the kind; all others mean that nobody could say. */
const ABSENT: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

const LOCALHOST: readonly Ip[] = [
  { family: 4, ip: '127.0.0.1' },
  { family: 6, ip: '::1' },
]

/** Names by these rules. */
export const createNames = (options: NamesOptions = {}): Names => {
  const { servers = null, timeoutMs = TIMEOUT_MS, hosts = hostsAddresses } = options
  let asked = 0
  return Object.freeze<Names>({
    resolve: async (host, { family = null } = {}) => {
      const name = host.toLowerCase().replace(/\.$/, '')
      const wanted = (ip: Ip): boolean => family === null || ip.family === family
      const own = (isLocal(name) ? LOCALHOST : hosts(name)).filter(wanted)
      if (own.length > 0) return own.slice(0, ADDRESSES_MAX)
      if (isLocal(name)) throw absent(host)
      if (asked >= AT_ONCE)
        throw new SallyportError('NAME_UNRESOLVED', `too many names are being resolved beside ${host}`)
      asked++
      try {
        return await ask(name, { servers, timeoutMs, families: family === null ? [6, 4] : [family] })
      } finally {
        asked--
      }
    },
  })
}

/** The names of this machine. */
export const systemNames: Names = createNames()

/** RFC 6761 section 6.3: localhost is this machine, and no server is asked about it. */
const isLocal = (name: string): boolean => name === 'localhost' || name.endsWith('.localhost')

interface Question {
  readonly servers: readonly string[] | null
  readonly timeoutMs: number
  readonly families: readonly (4 | 6)[]
}

/** Asks for all families at once; addresses of one are enough, and of none, that a server said so counts more than that one did not answer. */
const ask = async (name: string, { servers, timeoutMs, families }: Question): Promise<readonly Ip[]> => {
  const resolver = new Resolver({ timeout: Math.min(TRY_MS, timeoutMs), tries: TRIES })
  if (servers !== null) resolver.setServers([...servers])
  const deadline = setTimeout(() => resolver.cancel(), timeoutMs)
  try {
    const answers = await Promise.all(families.map((family) => answerOf(resolver, name, family)))
    const found = answers.flatMap((answer) => (answer.kind === 'found' ? answer.addresses : []))
    if (found.length > 0) return found.slice(0, ADDRESSES_MAX)
    const failed = answers.find((answer) => answer.kind === 'failed')
    if (failed === undefined) throw absent(name)
    throw new SallyportError(
      'NAME_UNRESOLVED',
      `no name server said what ${name} is: ${failed.cause.message}`,
      failed.cause,
    )
  } finally {
    clearTimeout(deadline)
  }
}

type Answered =
  | { readonly kind: 'found'; readonly addresses: readonly Ip[] }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly cause: Error }

const answerOf = (resolver: Resolver, name: string, family: 4 | 6): Promise<Answered> =>
  new Promise((resolve) => {
    const answered = (cause: NodeJS.ErrnoException | null, texts: readonly string[]): void => {
      if (cause !== null) return resolve(ABSENT.has(cause.code ?? '') ? { kind: 'absent' } : { kind: 'failed', cause })
      const addresses = texts.map((text) => parseIp(text)).filter((ip) => ip !== null)
      resolve(addresses.length > 0 ? { kind: 'found', addresses } : { kind: 'absent' })
    }
    try {
      if (family === 4) resolver.resolve4(name, answered)
      else resolver.resolve6(name, answered)
    } catch (error) {
      resolve({ kind: 'failed', cause: error instanceof Error ? error : new Error(String(error)) })
    }
  })

const absent = (host: string): SallyportError => new SallyportError('NAME_NOT_FOUND', `the name ${host} has no address`)
