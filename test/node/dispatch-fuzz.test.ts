// Whatever peers say, whenever handlers return and connections end: what is handled is whole and handled once, what was acknowledged on a
// connection that stayed is handled, and when all is over nothing is held.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concat } from '../../src/core/bytes.ts'
import { STATUS } from '../../src/core/messages/codes.ts'
import { encodeMessageHeader, encodeRequestHeader } from '../../src/core/messages/requests.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Identity } from '../../src/io/ports.ts'
import type { Answer, InboundCall } from '../../src/node/handlers.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { RawPeer } from './raw-peer.ts'
import { type Host, World } from './transport-world.ts'

/** Some sixty were run when this was written. */
const RUNS = 4

const PROTOCOL = '/test/fuzz/1'

/** A message in one datagram comes with its end; a larger one may be refused before its end has come. */
const ONE_DATAGRAM = 1000

const identities: Identity[] = await Promise.all(Array.from({ length: 4 }, () => generateIdentity()))

/** A payload that tells its number and length. */
const numbered = (number: number, bytes: number): Uint8Array => {
  const payload = new Uint8Array(8 + bytes).fill(number & 255)
  new DataView(payload.buffer).setUint32(0, number)
  new DataView(payload.buffer).setUint32(4, bytes)
  return payload
}

const numberOf = (payload: Uint8Array): number => {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  assert.equal(payload.length, 8 + view.getUint32(4), 'what is handled is whole')
  return view.getUint32(0)
}

const round = async (seed: number): Promise<void> => {
  const random = new SeededRandom(seed)
  const world = await World.make({ jitterMs: random.below(8), loss: random.below(3) / 20, duplication: 0.05 }, seed)
  const staying = random.below(2) === 0
  const inboundBytesMax = [600_000, 2_000_000, 160_000_000][random.below(3)]!
  const host = await world.host({
    identity: identities[0]!,
    limits: {
      idleAfterMs: 10_000_000,
      messageBytesMax: 200_000,
      inboundBytesPerPeerMax: 250_000,
      inboundBytesPerShardMax: Math.min(inboundBytesMax, 40_000_000),
      inboundBytesMax,
      handlersPerPeerMax: 1 + random.below(6),
      handlersPerProtocolMax: 1 + random.below(12),
      tasksMax: 1 + random.below(12),
      handlerTimeoutMs: 1000 + random.below(60_000),
      answerBytesPerPeerMax: 250_000,
    },
  })
  const handled = new Map<number, number>()
  const held: (() => void)[] = []
  let isOver = false
  host.transport.handle(PROTOCOL, (call: InboundCall): Answer | Promise<Answer> => {
    const number = numberOf(call.payload)
    handled.set(number, (handled.get(number) ?? 0) + 1)
    const answer = { status: STATUS.ok, payload: call.payload }
    if (random.below(4) === 0) throw new Error('at once')
    if (isOver || random.below(3) === 0) return answer
    return new Promise((resolve, reject) => {
      held.push(() => (random.below(5) === 0 ? reject(new Error('later')) : resolve(answer)))
    })
  })
  const senders: Host[] = []
  for (const identity of identities.slice(1))
    senders.push(await world.host({ identity, limits: { idleAfterMs: 10_000_000 } }))
  for (const { transport } of senders) {
    await world.run(transport.connectPeer(host.address, { timeoutMs: 60_000 }).catch(() => null))
  }
  const acknowledged: number[] = []
  const outcomes: Promise<unknown>[] = []
  const raws: RawPeer[] = []
  let number = 0
  for (let step = 0; step < 80; step++) {
    const sender = senders[random.below(senders.length)]!
    const to = host.identity.peerId
    const options = { timeoutMs: 1000 + random.below(100_000) }
    for (let n = random.below(8); n > 0; n--) {
      const mine = number++
      const payload = numbered(mine, [0, 10, 3000, 70_000, 190_000][random.below(5)]!)
      const said =
        random.below(2) === 0
          ? sender.transport
              .send(to, PROTOCOL, payload, options)
              .then(() => void (payload.length < ONE_DATAGRAM && acknowledged.push(mine)))
          : sender.transport.request(to, PROTOCOL, payload, options).then((answer) => {
              if (answer.status === STATUS.ok) assert.equal(numberOf(answer.payload), mine)
            })
      outcomes.push(said.catch((error: unknown) => assert.ok(!(error instanceof assert.AssertionError), String(error))))
    }
    if (!staying && random.below(10) === 0) sender.transport.disconnectPeer(to)
    if (!staying && random.below(20) === 0) host.transport.disconnectPeer(sender.identity.peerId)
    if (!staying && random.below(4) === 0) {
      outcomes.push(sender.transport.connectPeer(host.address, { insist: true }).catch(() => null))
    }
    if (random.below(12) === 0) {
      const raw = await RawPeer.connect(world, host)
      if (raw.reached) {
        raws.push(raw)
        await raw.greet()
      }
    }
    const raw = raws[random.below(Math.max(1, raws.length))]
    for (let n = raw === undefined ? 0 : random.below(6); n > 0; n--) {
      if (raw === undefined || raw.closed !== null) break
      const bidirectional = random.below(2) === 0
      const head = bidirectional
        ? encodeRequestHeader({ protocol: PROTOCOL, target: null, count: null })
        : encodeMessageHeader({ protocol: random.below(9) === 0 ? '/none/1' : PROTOCOL })
      const bytes = concat(head, numbered(number++, random.below(40_000)))
      if (random.below(12) === 0) bytes[random.below(4)] = 0xff
      const stream = raw.link.open(bidirectional)
      if (stream === null) continue
      raw.link.write(stream, random.below(3) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes)
      if (random.below(3) > 0 && bytes.length < 30_000) raw.link.reset(stream, 1)
      else if (random.below(8) === 0 && bidirectional) raw.link.stop(stream, 1)
    }
    while (held.length > 0 && random.below(3) === 0) held.splice(random.below(held.length), 1)[0]?.()
    await world.clock.advance(random.below(10) === 0 ? random.below(40_000) : random.below(200))
    host.transport.checkInvariants()
  }
  isOver = true
  for (let n = 0; n < 400; n++) {
    for (const letGo of held.splice(0)) letGo()
    await world.clock.advance(1000)
  }
  await world.run(Promise.all(outcomes))
  for (const [which, times] of handled) assert.equal(times, 1, `${which} is handled once`)
  if (staying)
    assert.deepEqual(
      acknowledged.filter((which) => !handled.has(which)),
      [],
      'what was acknowledged is handled',
    )
  for (const raw of raws) await raw.close()
  await world.clock.advance(100_000)
  // With nothing kept, nothing waits for its handler.
  host.transport.checkInvariants()
  const { inboundBytes, answerBytes, tasks, laneWaiting } = host.transport.gauges()
  assert.deepEqual(
    { inboundBytes, answerBytes, tasks, laneWaiting },
    { inboundBytes: 0, answerBytes: 0, tasks: 0, laneWaiting: 0 },
  )
  for (const { transport } of senders) transport.disconnectPeer(host.identity.peerId)
  await world.clock.advance(1000)
  assert.equal(host.transport.gauges().connections, 0)
  assert.ok(host.transport.gauges().deadlines <= 2, `${host.transport.gauges().deadlines} deadlines are left`)
  await world.close()
}

test('whatever is said and however handlers end, what is handled is whole and handled once, and nothing is held', async () => {
  await fc.assert(fc.asyncProperty(fc.nat(), round), { numRuns: RUNS, endOnFailure: true })
})
