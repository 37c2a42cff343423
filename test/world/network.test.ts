// The virtual network: how long things take, what is lost and repeated, and whom translators let in.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import type { UdpSocket } from '../../src/io/ports.ts'
import {
  blocking,
  burstLoss,
  clogging,
  type Condition,
  corruption,
  duplication,
  loss,
  narrowing,
  reordering,
} from '../../src/world/condition.ts'
import { Nat, NAT_KINDS, type NatKind } from '../../src/world/nat.ts'
import { SeededRandom } from '../../src/world/random.ts'
import { World } from '../../src/world/world.ts'

const at = (ip: string, port = 9000): Address => ({ family: 4, ip, port })
const random = (): SeededRandom => new SeededRandom(1, 'test')

interface End {
  readonly socket: UdpSocket
  readonly received: { readonly bytes: Uint8Array; readonly from: Address; readonly at: number }[]
  send(to: Address, bytes?: Uint8Array): void
}

const open = async (world: World, ip: string, more: { nat?: Nat; upMbps?: number } = {}): Promise<End> => {
  const host = world.host({ name: ip, region: ip < '192.0.2.5' ? 'europe' : 'asia', ip4: ip, ...more })
  const received: End['received'] = []
  const socket = await host.start().ports.udp.bind(at(ip), {
    datagram: (bytes, from) => received.push({ bytes, from, at: world.now }),
    failed: (error) => assert.fail(String(error)),
  })
  return { socket, received, send: (to, bytes = new Uint8Array(100)) => socket.send(bytes, to, () => {}) }
}

/** What arrives of 1,000 numbered datagrams under a condition, as their numbers. */
const sent = async (make: (world: World) => Condition): Promise<{ numbers: number[]; bytes: Uint8Array[] }> => {
  const world = new World({ seed: 1 })
  const [a, b] = [await open(world, '192.0.2.1'), await open(world, '192.0.2.2')]
  world.network.impose(make(world))
  for (let n = 0; n < 1000; n++) {
    a.send(
      at('192.0.2.2'),
      Uint8Array.from({ length: 100 }, (_, i) => (i === 0 ? n & 255 : i === 1 ? n >> 8 : 7)),
    )
    await world.pass(1)
  }
  await world.pass(5000)
  const bytes = b.received.map((datagram) => datagram.bytes)
  return { numbers: bytes.map((each) => (each[0] ?? 0) + 256 * (each[1] ?? 0)), bytes }
}

const inOrder = (numbers: readonly number[]): boolean => numbers.every((n, i) => i === 0 || n >= numbers[i - 1]!)

describe('the virtual network', () => {
  it('takes longer the farther it is, the same both ways and each time, in order', async () => {
    const world = new World({ seed: 1 })
    const [a, b, far] = [await open(world, '192.0.2.1'), await open(world, '192.0.2.2'), await open(world, '192.0.2.9')]
    for (const [from, to] of [
      [a, b],
      [b, a],
      [a, far],
      [a, b],
    ] as const)
      from.send(to.socket.local)
    await world.pass(1000)
    const [first, second] = b.received
    assert.ok(first!.at > 5 && first!.at < 12 && Math.abs(first!.at - a.received[0]!.at) < 1 && second!.at >= first!.at)
    assert.ok(far.received[0]!.at > 60)
    const { numbers } = await sent(() => loss(random(), 0))
    assert.deepEqual(
      numbers,
      Array.from({ length: 1000 }, (_, n) => n),
    )
  })

  it('carries what a line can, queues what comes faster, and drops what the queue has no room for', async () => {
    const world = new World({ seed: 1 })
    const [a, b] = [await open(world, '192.0.2.1', { upMbps: 1 }), await open(world, '192.0.2.2')]
    // 1 Mbit/s: 8 ms each, and a queue of 100 ms.
    for (let n = 0; n < 40; n++) a.send(b.socket.local, new Uint8Array(1000))
    await world.pass(5000)
    assert.ok(b.received.length >= 13 && b.received.length <= 15, `${b.received.length}`)
    assert.equal(world.network.counts.overflowed, 40 - b.received.length)
    const gaps = b.received.slice(1).map((each, n) => each.at - b.received[n]!.at)
    for (const gap of gaps) assert.ok(gap > 7.9 && gap < 8.1, `${gap}`)
  })

  it('loses its share, and in bursts when it comes in bursts', async () => {
    const runs = (numbers: readonly number[]): number =>
      numbers.filter((n, i) => i > 0 && n !== numbers[i - 1]! + 1).length
    const even = (await sent(() => loss(random(), 0.3))).numbers
    const burst = (await sent(() => burstLoss(random(), { goodMs: 70, badMs: 30 }))).numbers
    assert.ok(even.length > 600 && even.length < 800, `${even.length}`)
    assert.ok(burst.length > 500 && burst.length < 900, `${burst.length}`)
    assert.ok(runs(burst) * 3 < runs(even), `${runs(burst)} and ${runs(even)} gaps`)
  })

  it('repeats, reorders and damages its share, and nothing without being told to', async () => {
    const twice = (await sent(() => duplication(random(), 0.2))).numbers
    assert.ok(twice.length > 1120 && twice.length < 1280 && new Set(twice).size === 1000 && inOrder(twice))
    const mixed = (await sent(() => reordering(random(), { share: 0.2, delayMs: 50 }))).numbers
    assert.ok(mixed.length === 1000 && !inOrder(mixed))
    const { bytes } = await sent(() => corruption(random(), 0.2))
    const damaged = bytes.filter((each) => each.length !== 100 || each.slice(2).some((byte) => byte !== 7))
    assert.ok(damaged.length > 120 && damaged.length < 260, `${damaged.length}`)
  })

  it('is narrower, blocked or clogged for whom it says, and as long as it says', async () => {
    assert.equal((await sent(() => narrowing(127))).numbers.length, 0)
    assert.equal((await sent(() => narrowing(128))).numbers.length, 1000)
    assert.equal((await sent(() => blocking((from) => from.name === '192.0.2.1'))).numbers.length, 0)
    assert.equal((await sent(() => blocking((from) => from.name === '192.0.2.2'))).numbers.length, 1000)
    const world = new World({ seed: 1 })
    const [a, b] = [await open(world, '192.0.2.1'), await open(world, '192.0.2.2')]
    const end = world.network.impose(clogging(() => true))
    for (let n = 0; n < 10; n++) a.send(b.socket.local)
    await world.pass(499)
    assert.equal(b.received.length, 0)
    end()
    await world.pass(1)
    assert.equal(b.received.length, 10)
    // Seed 20074: what was kept must hold up nothing that is sent after the end.
    a.send(b.socket.local)
    await world.pass(20)
    assert.equal(b.received.length, 11)
  })
})

describe('a translator', () => {
  const OUTER = '198.51.100.1'
  /** Whether one who was not sent to is let in: from another host, and from another port of one who was. */
  const LETS_IN: Record<NatKind, readonly [boolean, boolean]> = {
    'full-cone': [true, true],
    restricted: [false, true],
    'port-restricted': [false, false],
    symmetric: [false, false],
  }

  const behind = async (kind: NatKind, idleMs = 60_000) => {
    const world = new World({ seed: 1 })
    const nat = new Nat({ kind, outerIp: OUTER, idleMs }, world.random('nat'))
    const inner = await open(world, '10.0.0.1', { nat })
    const outer = await open(world, '192.0.2.1')
    const other = await open(world, '192.0.2.2')
    const second = await world.hosts[1]!.process!.ports.udp.bind(at('192.0.2.1', 9001), {
      datagram: () => {},
      failed: () => {},
    })
    inner.send(outer.socket.local)
    await world.pass(200)
    return { world, nat, inner, outer, other, second, mapped: outer.received[0]!.from }
  }

  for (const kind of NAT_KINDS) {
    it(`of kind ${kind} shows one address, lets answers in, and of others whom it lets in`, async () => {
      const { world, inner, outer, other, second, mapped } = await behind(kind)
      assert.equal(mapped.ip, OUTER)
      outer.send(mapped)
      await world.pass(200)
      assert.deepEqual(inner.received[0]?.from, outer.socket.local)
      const comes = async (send: () => void): Promise<boolean> => {
        const before = inner.received.length
        send()
        await world.pass(200)
        return inner.received.length > before
      }
      assert.equal(await comes(() => other.send(mapped)), LETS_IN[kind][0])
      assert.equal(await comes(() => second.send(new Uint8Array(9), mapped, () => {})), LETS_IN[kind][1])
      inner.send(other.socket.local)
      await world.pass(200)
      assert.equal(other.received[0]!.from.port !== mapped.port, kind === 'symmetric')
    })
  }

  it('forgets a mapping that is not used, and all when it starts again', async () => {
    const { world, nat, inner, outer, mapped } = await behind('full-cone', 1000)
    await world.pass(2000)
    outer.send(mapped)
    await world.pass(200)
    assert.equal(inner.received.length, 0)
    inner.send(outer.socket.local)
    await world.pass(200)
    const before = outer.received.at(-1)!.from
    assert.equal(nat.rebind(), 1)
    inner.send(outer.socket.local)
    await world.pass(200)
    assert.notEqual(outer.received.at(-1)!.from.port, before.port)
  })
})
