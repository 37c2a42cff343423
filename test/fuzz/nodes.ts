// Whole transports on a network in memory: a peer that is nobody's friend says mutated words on its streams, seals mutated packets, and has
// mutated datagrams arrive from anywhere. A node is served beside it all the while, and nothing is left behind.
import assert from 'node:assert/strict'
import { ascii, concat, sameBytes } from '../../src/core/bytes.ts'
import { verdictsOf } from '../../src/core/counters.ts'
import { chunkAddressOf } from '../../src/core/ids.ts'
import { CLOSE, STATUS } from '../../src/core/messages/codes.ts'
import * as chunks from '../../src/core/messages/chunks.ts'
import { encodeControl } from '../../src/core/messages/control.ts'
import { findNodeRequest } from '../../src/core/messages/find-node.ts'
import { encodeMessageHeader, encodeRequestHeader } from '../../src/core/messages/requests.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { CloseReason } from '../../src/core/quic/outputs.ts'
import { openLine } from '../node/hostile-peer.ts'
import { HELLO, RawPeer } from '../node/raw-peer.ts'
import { World } from '../node/transport-world.ts'
import { drawEdits, type Edit, mutated } from '../support/mutation.ts'
import { CONTROL } from './message-codecs.ts'
import { target } from './target.ts'

const ID = new Uint8Array(32).fill(7)
const ECHO = '/fuzz/echo/1'
const [SERVER, FRIEND] = await Promise.all([generateIdentity(), generateIdentity()])

/** What an honest peer says on streams of its own, once it is identified. */
const SAYINGS: readonly { readonly bytes: Uint8Array; readonly bidirectional: boolean }[] = [
  {
    bytes: concat(encodeRequestHeader({ protocol: ECHO, target: null, count: null }), ascii('echo')),
    bidirectional: true,
  },
  { bytes: encodeRequestHeader(findNodeRequest(ID)), bidirectional: true },
  { bytes: concat(encodeRequestHeader(chunks.chunkPutRequest(chunkAddressOf(ID))), ID), bidirectional: true },
  { bytes: encodeRequestHeader(chunks.chunkGetRequest(chunkAddressOf(ID))), bidirectional: true },
  { bytes: concat(encodeRequestHeader(chunks.chunkHasRequest()), ID, ID), bidirectional: true },
  { bytes: concat(encodeMessageHeader({ protocol: ECHO }), ascii('message')), bidirectional: false },
]
const DONORS = [...SAYINGS.map(({ bytes }) => bytes), ...CONTROL.map(encodeControl)]

type Act = {
  /** A greeting or another control message, a new stream, packets from here on, or datagrams that came before, from elsewhere. */
  readonly kind: 'control' | 'stream' | 'packet' | 'datagram'
  readonly which: number
  readonly edits: readonly Edit[]
  readonly waitMs: number
}

type Input = { readonly seed: number; readonly greets: boolean; readonly acts: readonly Act[] }

/** Datagrams kept to be sent again. */
const KEPT_MAX = 64

/** Control and stream codes of `docs/protocol.md`, and those of the transport. */
const isDocumented = (closed: CloseReason): boolean => {
  if (closed.kind === 'application') return Object.values<number>(CLOSE).includes(closed.code)
  return (
    closed.kind !== 'transport' ||
    (closed.code <= 0x10 && closed.code !== 1) ||
    (closed.code >= 0x100 && closed.code <= 0x1ff)
  )
}

const check = async ({ seed, greets, acts }: Input): Promise<string> => {
  const world = await World.make({}, seed)
  const ip = world.nextIp()
  const line = openLine(world.network.host({ ip4: ip }))
  const ports = { ...world.ports(ip), udp: line.udp }
  const host = await world.host({ ports, identity: SERVER, listen: [{ family: 4, ip, port: 9000 }] })
  host.transport.handle(ECHO, ({ payload }) => ({ status: STATUS.ok, payload }))
  const friend = await world.host({ identity: FRIEND })
  await world.run(friend.transport.connectPeer(host.address))
  const kept: Uint8Array[] = []
  world.network.tap = (bytes, _from, to) => {
    if (to.ip === ip && kept.length < KEPT_MAX) kept.push(bytes.slice())
    return 'pass'
  }
  const peer = await RawPeer.connect(world, host)
  const control = peer.control(HELLO, { kind: 'hello-ack' })
  if (greets) await world.clock.advance(50)
  for (const { kind, which, edits, waitMs } of acts) {
    act({ peer, control, kind, which, edits, kept }, (bytes) =>
      line.arrive(bytes, { family: 4, ip: `198.51.100.${which % 250}`, port: 1 + which }),
    )
    await world.clock.advance(waitMs)
    host.transport.checkInvariants()
  }
  const { status, payload } = await world.run(friend.transport.request(SERVER.peerId, ECHO, ID))
  assert.ok(status === STATUS.ok && sameBytes(payload, ID), 'an honest peer is served')
  if (peer.closed !== null) assert.ok(isDocumented(peer.closed), JSON.stringify(peer.closed))
  const { counters } = { counters: host.transport.counters() }
  assert.equal(counters.taskFailures + counters.reconcilerDifferences, 0)
  assert.equal(verdictsOf(counters), counters.judged)
  const word = peer.closed === null ? 'open' : `${peer.closed.kind} ${'code' in peer.closed ? peer.closed.code : ''}`
  await peer.close()
  await world.clock.advance(60_000)
  assert.equal(host.transport.gauges().halfOpenIn, 0)
  await world.close()
  return word
}

type Doing = Omit<Act, 'waitMs'> & {
  readonly peer: RawPeer
  readonly control: ReturnType<RawPeer['control']>
  readonly kept: readonly Uint8Array[]
}

const act = ({ peer, control, kind, which, edits, kept }: Doing, arrive: (bytes: Uint8Array) => void): void => {
  const change = (bytes: Uint8Array): Uint8Array => mutated(bytes, edits, { donors: DONORS, max: 20_000 })
  const saying = SAYINGS[which % SAYINGS.length]!
  switch (kind) {
    case 'control':
      peer.link.write(control, change(encodeControl(CONTROL[which % CONTROL.length]!)))
      return
    case 'stream': {
      const stream = peer.link.open(saying.bidirectional)
      if (stream === null) return
      peer.link.write(stream, change(saying.bytes))
      if (which % 5 > 0) peer.link.finish(stream)
      return
    }
    case 'packet':
      peer.forged = change(saying.bytes)
      peer.link.write(control, encodeControl({ kind: 'ping', token: which }))
      return
    case 'datagram': {
      const datagram = kept[which % kept.length]
      if (datagram !== undefined) arrive(mutated(datagram, edits, { donors: kept }))
    }
  }
}

export const nodes = target<Input>({
  name: 'nodes',
  runs: 24,
  draw: (random) => ({
    seed: random.below(1_000_000),
    greets: random.below(4) > 0,
    acts: Array.from({ length: 1 + random.below(8) }, () => ({
      kind: random.pick(['control', 'stream', 'stream', 'datagram', 'datagram', 'packet'] as const),
      which: random.below(60_000),
      edits: random.below(8) === 0 ? [] : drawEdits(random),
      waitMs: random.below(random.below(4) === 0 ? 3000 : 60),
    })),
  }),
  check,
})
