// The names by which the admin server may be asked for. A page of somebody else's that has its own name point at this machine (DNS
// rebinding) comes with that name in its Host header, and gets nothing.
import { isIP } from 'node:net'

/** Characters of a DNS name at most, and of a Host header with a port behind it. */
const NAME_MAX = 253
const HOST_MAX = NAME_MAX + 6

/** What a name has to look like to be listed: a DNS name or an IP address, without a port. */
export const isName = (text: string): boolean =>
  isIP(text) !== 0 ||
  (text.length <= NAME_MAX && /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i.test(text))

/** The name in a Host header, in lower case and without port and brackets; null when it is no such header. */
export const nameIn = (host: string): string | null => {
  if (host.length > HOST_MAX) return null
  const [, bracketed, plain] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/?#@]+))(?::\d{1,5})?$/.exec(host) ?? []
  const name = (bracketed ?? plain ?? '').toLowerCase()
  return isName(name) && (bracketed === undefined || isIP(name) === 6) ? name : null
}

/** The listed names of one server. Bounded by what its owner lists. */
export class Names {
  readonly #listed: ReadonlySet<string>

  constructor(listed: readonly string[]) {
    this.#listed = new Set(['localhost', '127.0.0.1', '::1', ...listed.map((name) => name.toLowerCase())])
  }

  /** Whether a name is listed, or is the very address that the request came to: no name of anybody's leads to it. */
  has(name: string, cameTo: string): boolean {
    return (
      this.#listed.has(name) || (isIP(name) !== 0 && name === cameTo.toLowerCase().replace(/^::ffff:(?=\d+\.)/, ''))
    )
  }
}
