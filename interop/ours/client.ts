// Our client: one test, which throws when it does not pass.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { pattern } from '../pattern.ts'
import type { TestName } from '../peer.ts'
import { type Dialect, dialectOf, digestOf } from './exchange.ts'
import type { Orders } from './orders.ts'
import { drainAll, openControl } from './server.ts'
import { allOf, sendAll } from './streams.ts'
import { connectFor, hasTicket, type Session } from './transport.ts'
import { seesVersions } from './versions.ts'

const STREAMS = 100
const DATAGRAMS = 20
/** How often the client moves. */
const MOVES = 2
/** For one to come back. */
const ECHO_MS = 500
const SMALL_BYTES = 1000
/** How often the keys are changed. */
const UPDATES = 2
const TRIES = 20
/** For a ticket to come. */
const TICKET_MS = 3000

/** Runs the test it is ordered to. */
export const runClient = (orders: Orders): Promise<void> => TESTS[orders.test](orders)

/** A session with its dialect. */
class Asker {
  readonly session: Session
  readonly #dialect: Dialect

  private constructor(session: Session, dialect: Dialect) {
    this.session = session
    this.#dialect = dialect
  }

  static async dial(orders: Orders): Promise<Asker> {
    const asker = new Asker(await connectFor(orders), dialectOf(orders.alpn))
    void drainAll(asker.session)
    void openControl(asker.session, asker.#dialect)
    return asker
  }

  async ask(method: 'GET' | 'PUT', path: string, body: Uint8Array = new Uint8Array(0)): Promise<Uint8Array> {
    const stream = await this.session.openBidirectionalStream()
    const sent = sendAll(stream.writable, this.#dialect.request({ method, path, body }))
    const [answer] = await Promise.all([allOf(stream.readable), sent])
    const read = this.#dialect.readAnswer(answer)
    assert(read !== null, 'the answer cannot be read')
    return read
  }

  async get(bytes: number): Promise<void> {
    const answer = await this.ask('GET', `/${bytes}`)
    assert.equal(Buffer.compare(answer, pattern(bytes)), 0, 'the answer is not what was asked for')
  }

  /** ngtcp2's server does not say what it got; that it answers at all is what there is. */
  async put(bytes: number): Promise<void> {
    const body = pattern(bytes)
    const answer = await this.ask('PUT', this.session.alpn === 'h3' ? `/${bytes}` : '/upload', body)
    if (this.session.alpn !== 'h3')
      assert.equal(new TextDecoder().decode(answer), digestOf(body), 'the digest is another')
  }

  async bye(code = this.#dialect.noError, reason = ''): Promise<void> {
    await this.session.close({ code, reason })
  }
}

const simple = async (orders: Orders): Promise<void> => {
  const { test, bytes } = orders
  const asker = await Asker.dial(orders)
  if (test === 'hybrid') assert.equal(asker.session.group, 'x25519mlkem768')
  if (test === 'upload') await asker.put(bytes)
  else if (test === 'streams') await Promise.all(Array.from({ length: STREAMS }, () => asker.get(bytes)))
  else await asker.get(bytes)
  await asker.bye()
}

/** Each comes back; one that does not for a while may have been lost. */
const datagrams = async (orders: Orders): Promise<void> => {
  const asker = await Asker.dial(orders)
  for (let n = 0; n < DATAGRAMS; n++) {
    const datagram = pattern(orders.bytes)
    datagram[0] = n
    assert(await echoed(asker.session, datagram), `datagram ${n} did not come back`)
  }
  await asker.bye()
}

const echoed = async (session: Session, datagram: Uint8Array): Promise<boolean> => {
  for (let tries = 0; tries < TRIES; tries++) {
    const sending = session.sendDatagram(datagram)
    assert.equal(sending.kind, 'taken')
    const answer = await session.receiveDatagram({ signal: AbortSignal.timeout(ECHO_MS) }).catch(() => null)
    if (answer !== null && Buffer.compare(answer, datagram) === 0) return true
  }
  return false
}

/** Twice, while a transfer goes on. */
const migrate = async (orders: Orders): Promise<void> => {
  const asker = await Asker.dial(orders)
  const getting = asker.get(orders.bytes)
  for (let moves = 0; moves < MOVES; moves++) await asker.session.migrate()
  await getting
  await asker.get(SMALL_BYTES)
  await asker.bye()
}

/** The transfer goes on where the server would rather have it. */
const preferred = async (orders: Orders): Promise<void> => {
  const asker = await Asker.dial(orders)
  await asker.get(orders.bytes)
  assert.equal(asker.session.remote.port, orders.preferred, 'the client did not go there')
  await asker.bye()
}

const keyupdate = async (orders: Orders): Promise<void> => {
  const asker = await Asker.dial(orders)
  await asker.get(SMALL_BYTES)
  for (let i = 0; i < UPDATES; i++) {
    const before = asker.session.stats.keyUpdates
    asker.session.updateKeys()
    // The keys may not be changed again before the peer has dropped the ones before.
    for (let tries = 0; asker.session.stats.keyUpdates === before && tries < TRIES; tries++)
      await asker.get(orders.bytes)
    assert(asker.session.stats.keyUpdates > before, 'the keys were not changed')
    await asker.get(orders.bytes)
  }
  await asker.bye()
}

const resume = async (orders: Orders): Promise<void> => {
  const first = await Asker.dial(orders)
  assert(!first.session.isResumed)
  await first.get(SMALL_BYTES)
  for (let tries = 0; !hasTicket() && tries < TRIES; tries++) await sleep(TICKET_MS / TRIES)
  assert(hasTicket(), 'no ticket came')
  await first.bye()
  const second = await Asker.dial(orders)
  await second.get(SMALL_BYTES)
  assert(second.session.isResumed, 'the session was not resumed')
  await second.bye()
}

const close = async (orders: Orders): Promise<void> => {
  const first = await Asker.dial(orders)
  await first.get(SMALL_BYTES)
  await first.bye(42, 'enough')
  if (orders.alpn === 'h3') return
  const second = await Asker.dial(orders)
  await assert.rejects(second.ask('GET', '/close/43'), 'an answer instead of a close')
  const closing = await second.session.closed
  assert.deepEqual(closing, { kind: 'application', ours: false, code: 43, reason: 'asked to' })
}

/** Ours speaks version 1 alone: it has to understand the answer to another, and give up where 1 is not spoken. */
const version = async (orders: Orders): Promise<void> => {
  const versions = await seesVersions(orders.port)
  if (!orders.refused) {
    assert(versions.includes(1), `the server offers ${versions.join()}`)
    return simple(orders)
  }
  assert(!versions.includes(1), 'the server was to refuse version 1')
  await assert.rejects(connectFor(orders), /version/i)
}

const TESTS: Readonly<Record<TestName, (orders: Orders) => Promise<void>>> = {
  handshake: simple,
  retry: simple,
  download: simple,
  upload: simple,
  loss: simple,
  lossup: simple,
  streams: simple,
  datagrams,
  keyupdate,
  resume,
  close,
  version,
  rebind: simple,
  migrate,
  preferred,
  hybrid: simple,
  helloretry: simple,
  aes256: simple,
  chacha20: simple,
  rsa: simple,
  ed25519: simple,
  rawkeys: simple,
}
