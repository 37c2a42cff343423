// The token of the admin server: whoever has it may read. It is compared by its hash, in a time that tells nothing of how much was right.
import { createHash, timingSafeEqual } from 'node:crypto'

/** Fewer characters could be guessed, more are no token. */
export const TOKEN_CHARACTERS = [16, 256] as const

/** Whether a text can be a token: printable ASCII without spaces. */
export const isToken = (text: string): boolean => {
  const [least, most] = TOKEN_CHARACTERS
  return text.length >= least && text.length <= most && /^[!-~]+$/.test(text)
}

/** A token that is asked for. */
export class Token {
  readonly #hash: Uint8Array

  constructor(token: string) {
    this.#hash = hashOf(token)
  }

  /** Whether an Authorization header shows it: `Bearer <token>`, or `Basic` with it as the password, as browsers ask for one. */
  isShownBy(authorization: string | undefined): boolean {
    return timingSafeEqual(hashOf(shown(authorization ?? '') ?? ''), this.#hash)
  }
}

const shown = (authorization: string): string | null => {
  const [, scheme = '', rest = ''] = /^(bearer|basic) +(\S+)$/i.exec(authorization) ?? []
  if (scheme.toLowerCase() === 'bearer') return rest
  if (scheme === '') return null
  const pair = Buffer.from(rest, 'base64').toString('latin1')
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : null
}

const hashOf = (text: string): Uint8Array => createHash('sha256').update(text).digest()
