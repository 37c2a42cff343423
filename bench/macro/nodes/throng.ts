// Very many peers of one node, as little as each can be: a connection with an identity of its own, no node around it, hundreds to a socket.
// Each says HELLO, stays, and sends something as often as a node that keeps a connection does. Whose signature the node's is, it does not
// ask: what it costs is not what is measured.
import type { Identity, UdpSocket } from '../../../src/io/ports.ts'
import { ALPN, PROTOCOL_VERSION } from '../../../src/core/messages/codes.ts'
import { encodeControl } from '../../../src/core/messages/control.ts'
import type { WorkDone } from '../../../src/core/ports.ts'
import { QuicConnection } from '../../../src/core/quic/connection.ts'
import type { ConnectionOutput } from '../../../src/core/quic/outputs.ts'
import { LOCAL_ID_BYTES, parseHeader } from '../../../src/core/quic/packet.ts'
import { generateIdentity, LIMITS, parseAddress, systemPorts } from '../../../src/index.ts'
import type { Address } from '../../../src/index.ts'
import { Schedule } from '../../../src/node/schedule.ts'
import { serve } from '../../../src/testnet/serve.ts'

/** What the throng is asked. */
export type ThrongRequest = {
  readonly kind: 'dial'
  readonly address: string
  readonly count: number
  readonly atOnce: number
  /** When it is over, whoever is connected by then: how many are. */
  readonly withinMs: number
}

const LOCAL = { family: 4, ip: '127.0.0.1', port: 0 } as const
const PER_SOCKET = 500
const DATAGRAM_BYTES_MAX = 1_500
/** More than any flight needs. */
const DATAGRAMS_PER_TURN = 16

const ports = await systemPorts()
const schedule = new Schedule(ports.clock, ports.timers)
const sockets: { readonly socket: UdpSocket; readonly members: Map<string, Member> }[] = []

/** One of the throng. */
class Member {
  readonly #connection: QuicConnection
  readonly #identity: Identity
  readonly #socket: UdpSocket
  readonly #routes: Map<string, Member>
  readonly #remote: Address
  readonly ended = Promise.withResolvers<boolean>()
  connected = false

  constructor(identity: Identity, remote: Address, { socket, members }: (typeof sockets)[number]) {
    const { crypto, random } = ports
    const config = {
      role: 'client',
      crypto,
      random,
      publicKey: identity.publicKey,
      alpn: [ALPN],
      expectedPeer: null,
      remote,
    } as const
    this.#connection = QuicConnection.connect(config, ports.clock.now())
    this.#connection.keepAliveMs = LIMITS.keepAliveDiallerMs
    this.#identity = identity
    this.#remote = remote
    this.#socket = socket
    this.#routes = members
    for (const id of this.#connection.localIds) members.set(keyOf(id), this)
    this.#drive()
  }

  receive(bytes: Uint8Array, from: Address): void {
    this.#connection.receive(bytes, from, ports.clock.now())
    this.#drive()
  }

  run(now: number): void {
    this.#connection.timeout(now)
    this.#drive()
  }

  #drive(): void {
    for (let next = this.#connection.poll(); next !== null; next = this.#connection.poll()) this.#on(next)
    for (let n = 0; n < DATAGRAMS_PER_TURN; n++) {
      const datagram = new Uint8Array(DATAGRAM_BYTES_MAX)
      const length = this.#connection.transmit(datagram, ports.clock.now())
      if (length === 0) break
      this.#socket.send(datagram.subarray(0, length), this.#remote, () => {})
    }
    schedule.set(this, this.#connection.timerAt())
  }

  #on(output: ConnectionOutput): void {
    switch (output.kind) {
      case 'work': {
        const { work } = output
        const done = (result: WorkDone): void => {
          this.#connection.done(result, ports.clock.now())
          this.#drive()
        }
        if (work.kind === 'verify')
          this.#connection.done({ id: work.id, kind: 'verify', valid: true }, ports.clock.now())
        else ports.workers.run({ work, identity: this.#identity, done })
        return
      }
      case 'established':
        return this.#greet()
      case 'stream-readable':
        while (this.#connection.read(output.stream) !== null);
        return
      case 'peer-hears':
        this.connected = true
        return this.ended.resolve(true)
      case 'id-issued':
        return void this.#routes.set(keyOf(output.id), this)
      case 'id-retired':
        return void this.#routes.delete(keyOf(output.id))
      case 'closed':
        this.connected = false
        return this.ended.resolve(false)
      default:
    }
  }

  /** HELLO, and HELLO_ACK without having heard any: it counts as connected from then on. */
  #greet(): void {
    const incarnation = new Uint8Array(8)
    ports.random.fill(incarnation)
    const about = { userAgent: 'throng', capability: 'client', addresses: [], observed: null } as const
    const control = this.#connection.open(false)
    if (control === null) return
    this.#connection.prioritise(control)
    this.#connection.write(
      control,
      encodeControl({ kind: 'hello', hello: { version: PROTOCOL_VERSION, incarnation, ...about } }),
    )
    this.#connection.write(control, encodeControl({ kind: 'hello-ack' }))
  }
}

const keyOf = (id: Uint8Array): string => String.fromCharCode(...id)

const opened = async (): Promise<(typeof sockets)[number]> => {
  const members = new Map<string, Member>()
  const socket = await ports.udp.bind(LOCAL, {
    failed: () => {},
    datagram: (bytes, from) => {
      const header = parseHeader(bytes, 0, LOCAL_ID_BYTES)
      if (header !== null) members.get(keyOf(header.destinationId))?.receive(bytes, from)
    },
  })
  const own = { socket, members }
  sockets.push(own)
  return own
}

const dial = async ({ address, count, atOnce, withinMs }: ThrongRequest): Promise<number> => {
  const remote = parseAddress(address)?.address
  if (remote === undefined) throw new Error('that is no address')
  const until = performance.now() + withinMs
  const all: Member[] = []
  const lane = async (): Promise<void> => {
    while (all.length < count && performance.now() < until) {
      const at = Math.floor(all.length / PER_SOCKET)
      const identity = await generateIdentity()
      const own = sockets[at] ?? (await opened())
      const member = new Member(identity, remote, own)
      all.push(member)
      await Promise.race([member.ended.promise, late])
    }
  }
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), withinMs)
  await Promise.all(Array.from({ length: atOnce }, lane))
  clearTimeout(timer)
  return all.filter(({ connected }) => connected).length
}

serve<ThrongRequest>(dial, async () => {})
