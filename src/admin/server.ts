// The HTTP server of the window: bounded in connections, headers and time, and with one answer to each request.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { type Asked, judge, type Judged, OPEN_PATHS, type Rules } from './access.ts'
import { type Answer, COMMON_HEADERS, text } from './answer.ts'
import { Pace } from './pace.ts'

/** Connections at once; a browser takes six. Others are closed at once. */
export const CONNECTIONS_MAX = 64

/** Bytes of a request's headers, with its first line. */
export const HEADER_BYTES_MAX = 8192

/** How long a request's headers, the whole request, its answer, and the pause before the next one may take, in milliseconds. */
const HEADERS_MS = 5000
const REQUEST_MS = 5000
const ANSWER_MS = 10_000
const PAUSE_MS = 5000

/** Requests on one connection before it is closed. */
const REQUESTS_PER_CONNECTION = 1000

/** A certificate chain and its key, as PEM. */
export interface Tls {
  readonly cert: string
  readonly key: string
}

/** Makes a server that answers what `rules` let through; it listens nowhere yet. */
export const createAdminServer = (
  tls: Tls | null,
  rules: Rules,
  answer: (path: string, query: URLSearchParams) => Promise<Answer>,
): Server => {
  // Of each kind for itself: nobody's loop keeps a supervisor from hearing that the node is well.
  const paces = { refused: new Pace(), open: new Pace(), asked: new Pace() }
  const paceOf = (judged: Judged): Pace => {
    if (judged.kind === 'refused') return paces.refused
    return OPEN_PATHS.includes(judged.path) ? paces.open : paces.asked
  }
  const handle = (request: IncomingMessage, response: ServerResponse): void => void respond(request, response)
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    bounded(response)
    try {
      const judged = judge(asked(request), rules)
      const waitMs = paceOf(judged).take(performance.now())
      if (waitMs === null) return send(response, TOO_MANY)
      if (waitMs > 0) await pause(waitMs)
      send(response, judged.kind === 'refused' ? judged.answer : await answer(judged.path, judged.query))
    } catch {
      send(response, text(500, 'this could not be answered'))
    }
    request.resume()
  }
  const bounds = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: PAUSE_MS,
    connectionsCheckingInterval: 1000,
  }
  const server =
    tls === null
      ? createServer(bounds, handle)
      : createTlsServer({ ...bounds, ...tls, minVersion: 'TLSv1.3', handshakeTimeout: HEADERS_MS }, handle)
  server.maxConnections = CONNECTIONS_MAX
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION
  return server
}

const TOO_MANY = text(429, 'too many ask', { 'Retry-After': '1', Connection: 'close' })

const asked = (request: IncomingMessage): Asked => {
  const { headers } = request
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    hosts: request.headersDistinct['host'] ?? [],
    cameTo: request.socket.localAddress ?? '',
    authorization: headers.authorization,
    hasBody: headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0',
  }
}

/** Whoever reads its answer too slowly loses the connection. */
const bounded = (response: ServerResponse): void => {
  const timer = setTimeout(() => response.destroy(), ANSWER_MS)
  response.on('close', () => clearTimeout(timer))
}

const send = (response: ServerResponse, { status, type, body, headers }: Answer): void => {
  if (response.headersSent) return void response.destroy()
  const bytes = Buffer.from(body)
  response.writeHead(status, { ...COMMON_HEADERS, 'Content-Type': type, 'Content-Length': bytes.length, ...headers })
  response.end(bytes)
}
