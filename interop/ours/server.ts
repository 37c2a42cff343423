// Our server: answers requests until its standard input ends, and says who came and how they went.
import { type Answer, answerTo, type Dialect, dialectOf } from './exchange.ts'
import { type Orders, say } from './orders.ts'
import { allOf, drain, sendAll } from './streams.ts'
import { type BidirectionalStream, listenFor, type Session } from './transport.ts'

/** Serves. */
export const runServer = async (orders: Orders): Promise<void> => {
  const dialect = dialectOf(orders.alpn)
  await using listener = await listenFor(orders)
  say({ event: 'listening', port: listener.port })
  const serving = (async () => {
    for await (const session of listener) void serve(session, dialect)
  })()
  await drain(process.stdin)
  await listener.close()
  await serving
}

const serve = async (session: Session, dialect: Dialect): Promise<void> => {
  const { isResumed: resumed, group, suite } = session
  say({ event: 'connected', resumed, group, suite })
  void drainAll(session)
  void openControl(session, dialect)
  void answerAll(session, dialect)
  void echoAll(session)
  say({ event: 'closed', ...(await session.closed) })
}

/** The peer's own streams are read to their ends: in HTTP/3 they carry settings, which ask nothing of us. */
export const drainAll = async (session: Session): Promise<void> => {
  for await (const stream of session.incomingUnidirectionalStreams) void drain(stream.readable)
}

/** Opens the stream that a dialect wants before all others; it stays open. */
export const openControl = async (session: Session, { opening }: Dialect): Promise<void> => {
  if (opening === null) return
  try {
    const stream = await session.openUnidirectionalStream()
    await stream.writable.getWriter().write(opening)
  } catch {
    // The session ended before.
  }
}

/** Each datagram is answered with itself. */
const echoAll = async (session: Session): Promise<void> => {
  for await (const datagram of session.incomingDatagrams) session.sendDatagram(datagram)
}

const answerAll = async (session: Session, dialect: Dialect): Promise<void> => {
  for await (const stream of session.incomingBidirectionalStreams) void answer(session, stream, dialect)
}

const answer = async (session: Session, stream: BidirectionalStream, dialect: Dialect): Promise<void> => {
  try {
    const request = dialect.readRequest(await allOf(stream.readable))
    const given: Answer = request === null ? { kind: 'unknown' } : answerTo(request)
    if (given.kind === 'close') await session.close({ code: given.code, reason: 'asked to' })
    else await sendAll(stream.writable, given.kind === 'body' ? dialect.answer(given.body) : new Uint8Array(0))
  } catch (error) {
    console.error(String(error))
  }
}
