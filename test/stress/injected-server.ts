// A node in a process of its own that measures how long its inbound connections take, and into which something slow can be injected.
// Started by injection.test.ts.
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, open, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatAddress } from '../../src/core/address.ts'
import type { QuicConfig } from '../../src/core/quic/connection.ts'
import { generateIdentity, type PeerId, systemPorts } from '../../src/index.ts'
import { type Connection, CORE_QUIC, type Quic } from '../../src/node/quic.ts'
import { TransportHandle } from '../../src/node/transport-handle.ts'
import { serve } from '../../src/testnet/serve.ts'

/** What is asked of the process. */
export type InjectedRequest =
  /** Answered with the address to dial. */
  | { readonly kind: 'listen' }
  /** Subscribers that never read. */
  | { readonly kind: 'sleep'; readonly subscribers: number }
  /** Messages to a peer, of which none may ever be acknowledged. */
  | { readonly kind: 'tell'; readonly peerId: PeerId; readonly messages: number; readonly bytes: number }
  /** As many hung calls to a disk as Node has threads for files. */
  | { readonly kind: 'hang-disk' }
  /** For control: the accept path itself is held up by so much at each handshake. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Answered with the `Samples` since the last time. */
  | { readonly kind: 'samples' }

/** Milliseconds, by connection: from its first datagram to established, and from there to identified. */
export interface Samples {
  readonly established: readonly number[]
  readonly identified: readonly number[]
}

const POOL_THREADS = 4
/** Small, so that a subscriber that sleeps has missed events soon. */
const EVENTS_MAX = 16

const samples: { established: number[]; identified: number[] } = { established: [], identified: [] }
/** When a peer's connection was established. Bounded by the peers of a test. */
const establishedAt = new Map<PeerId, number>()
let delayMs = 0

/** The core's QUIC, with a look at when an inbound connection begins and is established. */
const measured: Quic = {
  ...CORE_QUIC,
  accept: (config: QuicConfig, first, now) => watch(CORE_QUIC.accept(config, first, now), performance.now()),
}

const watch = (connection: Connection, began: number): Connection => {
  const poll = connection.poll.bind(connection)
  connection.poll = () => {
    const output = poll()
    if (output?.kind !== 'established' || output.peerId === null) return output
    for (const until = performance.now() + delayMs; performance.now() < until;);
    const now = performance.now()
    samples.established.push(now - began)
    establishedAt.set(output.peerId, now)
    return output
  }
  return connection
}

const ports = await systemPorts()
const identity = await generateIdentity()
const transport = await TransportHandle.open({
  ports,
  identity,
  capability: 'node',
  listen: [{ family: 4, ip: '127.0.0.1', port: 0 }],
  limits: { eventsMax: EVENTS_MAX, handlerTimeoutMs: 600_000 },
  quic: measured,
})
const directory = mkdtempSync(join(tmpdir(), 'sallyport-injection-'))
const fifo = join(directory, 'disk')

const listening = (async () => {
  for await (const event of transport.events()) {
    if (event.kind !== 'connected') continue
    const since = establishedAt.get(event.peerId)
    if (since !== undefined) samples.identified.push(performance.now() - since)
  }
})()

transport.handle('/hung/1', () => new Promise<never>(() => {}))
// A file that nobody writes to: opening it takes a thread of the pool and does not come back.
transport.handle('/disk/1', () => new Promise((resolve) => open(fifo, () => resolve({ status: 0 }))))

/** Bounded by what the test asks for. */
const sleeping: AsyncIterator<unknown>[] = []
let hung = 0

const answer = async (request: InjectedRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'listen':
      return formatAddress(transport.locals[0]!, transport.peerId)
    case 'sleep':
      for (let n = 0; n < request.subscribers; n++) sleeping.push(transport.events())
      return null
    case 'tell':
      for (let n = 0; n < request.messages; n++) {
        transport.send(request.peerId, '/told/1', new Uint8Array(request.bytes), { timeoutMs: 600_000 }).catch(() => {})
      }
      return null
    case 'hang-disk':
      if (hung > 0) return null
      execFileSync('mkfifo', [fifo])
      for (; hung < POOL_THREADS; hung++) open(fifo, () => {})
      return null
    case 'delay':
      delayMs = request.ms
      return null
    case 'samples':
      return { established: samples.established.splice(0), identified: samples.identified.splice(0) } satisfies Samples
  }
}

serve<InjectedRequest>(answer, async () => {
  // Opened for writing too, the file lets its readers go, or the process could not end.
  const writer = hung > 0 ? openSync(fifo, 'r+') : null
  await transport.close()
  await listening
  await ports.close()
  rmSync(directory, { recursive: true, force: true })
  if (writer !== null) closeSync(writer)
})
