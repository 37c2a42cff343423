// Two peers that dial each other at the same moment, again and again: both dials succeed, one connection stays in the end, both sides
// can be asked something, and each side hears of the other exactly once a round, in order.
import { formatAddress } from '../../src/core/address.ts'
import { generateIdentity, systemPorts } from '../../src/index.ts'
import type { Ports, TransportEvent } from '../../src/index.ts'
import { TransportHandle } from '../../src/node/transport-handle.ts'
import { differing } from './suite.ts'
import type { Finding } from './suite.ts'

/** The heads of a finding's cells. */
export const CROSSING_HEADS = ['siege', 'rounds', 'both connected', 'duplicates']

const ECHO = '/echo/1'
/** Both sides see a round end within a few turns. */
const ROUND_END_MS = 5_000

/** One end, and what it heard of the other. */
interface End {
  readonly transport: TransportHandle
  readonly address: string
  readonly heard: TransportEvent['kind'][]
  readonly listening: Promise<void>
}

/** Both dial each other, so many times. */
export const crossingSuite = async ({ rounds }: { readonly rounds: number }): Promise<Finding> => {
  await using ports = await systemPorts()
  const [a, b] = [await openEnd(ports), await openEnd(ports)]
  let both = 0
  const missed: string[] = []
  for (let round = 1; round <= rounds; round++) {
    const problem = await runRound(a, b)
    if (problem === null) both++
    else missed.push(`round ${round}: ${problem}`)
  }
  const duplicates = a.transport.counters().duplicates + b.transport.counters().duplicates
  for (const { transport } of [a, b]) {
    transport.checkInvariants()
    const { accepted, registered, reading } = transport.counters()
    missed.push(
      ...differing('accepted, registered and reading', [accepted.inbound, registered.inbound, reading.inbound]),
    )
  }
  await Promise.all([a.transport.close(), b.transport.close()])
  await Promise.all([a.listening, b.listening])
  for (const { heard } of [a, b]) missed.push(...differing('events heard and two a round', [heard.length, 2 * rounds]))
  for (const { heard } of [a, b]) {
    const isInOrder = heard.every((kind, n) => kind === (n % 2 === 0 ? 'connected' : 'disconnected'))
    if (!isInOrder) missed.push('connected and disconnected did not alternate')
  }
  return { cells: ['both ends dial each other', String(rounds), String(both), String(duplicates)], missed }
}

/** What went wrong in a round, or null. */
const runRound = async (a: End, b: End): Promise<string | null> => {
  const dials = await Promise.allSettled([a.transport.connectPeer(b.address), b.transport.connectPeer(a.address)])
  for (const dial of dials) if (dial.status === 'rejected') return String(dial.reason)
  const asked = await Promise.allSettled([ask(a, b), ask(b, a)])
  for (const request of asked) if (request.status === 'rejected') return `a request failed: ${String(request.reason)}`
  a.transport.disconnectPeer(b.transport.peerId)
  const deadline = performance.now() + ROUND_END_MS
  while (a.transport.peers().length + b.transport.peers().length > 0) {
    if (performance.now() > deadline) return 'a peer was still connected after it was disconnected'
    await new Promise((resolve) => setImmediate(resolve))
  }
  return null
}

const ask = async (from: End, to: End): Promise<void> => {
  const { payload } = await from.transport.request(to.transport.peerId, ECHO, Uint8Array.of(1, 2, 3))
  if (payload.length !== 3) throw new Error('the echo is not what was sent')
}

const openEnd = async (ports: Ports): Promise<End> => {
  const transport = await TransportHandle.open({
    ports,
    identity: await generateIdentity(),
    capability: 'node',
    listen: [{ family: 4, ip: '127.0.0.1', port: 0 }],
  })
  transport.handle(ECHO, ({ payload }) => ({ status: 0, payload }))
  const heard: TransportEvent['kind'][] = []
  const events = transport.events()
  const listening = (async (): Promise<void> => {
    for await (const { kind } of events) heard.push(kind)
  })()
  return { transport, address: formatAddress(transport.locals[0]!, transport.peerId), heard, listening }
}
