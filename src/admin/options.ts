// What an admin server is asked for, checked: whoever can be reached from elsewhere is encrypted and asks for a token, or says that it is
// meant to be otherwise.
import { SallyportError } from '../index.ts'
import { type Bind, formatBind, isLoopback, parseBind } from './bind.ts'
import { isName } from './names.ts'
import type { Tls } from './server.ts'
import { isToken, TOKEN_CHARACTERS } from './token.ts'

/** Options of `openAdmin`. */
export interface AdminOptions {
  /** Where to listen: an IP address and a port, `127.0.0.1:9464`; port 0 is any free one. */
  readonly listen: string
  /** Names it may be asked for by, beside `localhost`, the loopback addresses and the very address a request comes to. */
  readonly names?: readonly string[]
  /** Asked for by everything but /health and /ready. */
  readonly token?: string
  /** Default: it speaks plain HTTP. */
  readonly tls?: Tls
  /** It may be reached from elsewhere without encryption and without a token. */
  readonly insecure?: boolean
}

/** The options of an admin server after `checkAdmin`; plain data, to be handed to a thread. */
export interface CheckedAdmin {
  readonly bind: Bind
  readonly names: readonly string[]
  readonly token: string | null
  readonly tls: Tls | null
}

/** Names that may be listed. */
const NAMES_MAX = 64

/** Checks options; throws ARGUMENT_INVALID. The token is never in a message. */
export const checkAdmin = ({ listen, names = [], token, tls, insecure = false }: AdminOptions): CheckedAdmin => {
  const bind = parseBind(listen) ?? wrong(`"${listen}" is no IP address and port, such as 127.0.0.1:9464`)
  if (names.length > NAMES_MAX) wrong(`at most ${NAMES_MAX} names are listed`)
  for (const name of names) if (!isName(name)) wrong(`"${name}" is no host name; it stands without a port`)
  if (token !== undefined && !isToken(token)) {
    wrong(`a token has from ${TOKEN_CHARACTERS.join(' to ')} printable characters, without spaces`)
  }
  if (!isLoopback(bind.host) && !insecure) {
    if (tls === undefined)
      wrong(`${formatBind(bind)} can be reached from elsewhere: it needs a certificate and its key`)
    if (token === undefined) wrong(`${formatBind(bind)} can be reached from elsewhere: it needs a token`)
  }
  return Object.freeze({ bind, names, token: token ?? null, tls: tls ?? null })
}

const wrong = (message: string): never => {
  throw new SallyportError('ARGUMENT_INVALID', `admin: ${message}`)
}
