// Who may ask what: the checks on a request before anything is looked up, in their order. Nothing of a request is ever said back.
import { type Answer, text } from './answer.ts'
import { nameIn, type Names } from './names.ts'
import type { Token } from './token.ts'

/** Characters of a request's target at most. */
export const TARGET_MAX = 1024

/** What is looked at of a request. */
export interface Asked {
  readonly method: string
  readonly target: string
  /** Each Host header there was. */
  readonly hosts: readonly string[]
  /** The address that the request came to. */
  readonly cameTo: string
  readonly authorization: string | undefined
  /** Whether a body was announced, of whatever size. */
  readonly hasBody: boolean
}

/** What may be asked, and of whom. */
export interface Rules {
  readonly names: Names
  /** Null: nobody is asked for one. */
  readonly token: Token | null
}

/** A request that may be answered, or the answer it gets instead. */
export type Judged =
  | { readonly kind: 'asks'; readonly path: string; readonly query: URLSearchParams }
  | { readonly kind: 'refused'; readonly answer: Answer }

/** One word about the node, which load balancers and supervisors ask for without a token. */
export const OPEN_PATHS: readonly string[] = ['/health', '/ready']

/** Judges a request. */
export const judge = (asked: Asked, { names, token }: Rules): Judged => {
  const { method, target, hosts, cameTo, authorization, hasBody } = asked
  const [host, ...moreHosts] = hosts
  const name = host === undefined || moreHosts.length > 0 ? null : nameIn(host)
  if (name === null) return refused(text(400, 'one Host header is needed'))
  if (!names.has(name, cameTo)) return refused(text(421, 'this server has another name; see --admin-host'))
  if (method !== 'GET') return refused(text(405, 'there is only GET', { Allow: 'GET' }))
  if (target.length > TARGET_MAX) return refused(text(414, 'the address is too long'))
  if (hasBody) return refused(text(400, 'no body is taken', { Connection: 'close' }))
  const parts = /^(\/[a-z0-9./_-]*)(?:\?([a-z0-9=&_-]*))?$/i.exec(target)
  if (parts === null) return refused(text(400, 'the address is not understood'))
  const [, path = '', query = ''] = parts
  if (token !== null && !OPEN_PATHS.includes(path) && !token.isShownBy(authorization)) return refused(UNAUTHORISED)
  return { kind: 'asks', path, query: new URLSearchParams(query) }
}

const UNAUTHORISED: Answer = text(401, 'the token is needed', {
  'WWW-Authenticate': 'Basic realm="sallyport", charset="UTF-8"',
})

const refused = (answer: Answer): Judged => ({ kind: 'refused', answer })
