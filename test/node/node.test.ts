// Whole nodes on a fake clock, a network and files in memory, with the real QUIC, TLS and cryptography: they join, a file goes up and
// comes down, and nothing is left when they close.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sameBytes } from '../../src/core/bytes.ts'
import { HOLDERS_WANTED } from '../../src/core/chunks/closeness.ts'
import { SallyportError } from '../../src/core/errors.ts'
import { LOOKUP_DEFAULTS } from '../../src/core/kademlia/lookup.ts'
import { createCrypto } from '../../src/io/crypto.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import type { Ports } from '../../src/io/ports.ts'
import { createNode, type Node } from '../../src/node/node.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createInlineWorkers, type InlineWorkers } from '../support/inline-workers.ts'
import { MemoryFiles } from '../support/memory-files.ts'
import { MemoryNetwork } from '../support/memory-udp.ts'
import { NO_NAMES } from '../support/known-names.ts'
import { SeededRandom } from '../support/seeded-random.ts'

/** How long a lookup waits for one that does not answer before it goes on without it. */
const PATIENCE_MS = LOOKUP_DEFAULTS.patienceMs

const crypto = await createCrypto()
const FILE_BYTES = 5_000_000
const PATIENT_MS = 60_000

interface Member {
  readonly node: Node
  readonly files: MemoryFiles
}

class NodeWorld {
  readonly clock: FakeClock
  readonly random = new SeededRandom(7)
  readonly network: MemoryNetwork
  readonly workers: InlineWorkers
  readonly members: Member[] = []

  static async make(): Promise<NodeWorld> {
    const clock = new FakeClock()
    return new NodeWorld(clock, await createInlineWorkers(clock, { delayMs: () => 2 }))
  }

  private constructor(clock: FakeClock, workers: InlineWorkers) {
    this.clock = clock
    this.workers = workers
    this.network = new MemoryNetwork(clock, this.random, { latencyMs: 10, jitterMs: 3, loss: 0.01 })
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.until(promise)
  }

  async add(kind: 'node' | 'client'): Promise<Member> {
    const { clock, random, workers, network, members } = this
    const ip4 = `192.0.${members.length + 1}.1`
    const files = new MemoryFiles()
    const ports: Ports = {
      clock,
      timers: clock,
      udp: network.host({ ip4 }),
      workers,
      files,
      crypto,
      random,
      names: NO_NAMES,
    }
    const bootstrap = members.slice(0, 1).flatMap(({ node }) => node.addresses)
    const node = await this.run(
      createNode({
        ports,
        identity: await generateIdentity(),
        listen: [`/ip4/${ip4}/udp/9000/quic-v1`],
        bootstrap,
        ...(kind === 'node' ? { dataDirectory: '/data' } : {}),
      }),
    )
    members.push({ node, files })
    if (bootstrap.length > 0) await this.run(node.join())
    return { node, files }
  }

  /** Every node closes, its counters agree, and no timer is left behind. */
  async close(): Promise<void> {
    for (const { node } of this.members) {
      node.transport.checkInvariants()
      const { accepted, registered, reading } = node.counters()
      assert.deepEqual([registered, reading], [accepted, accepted])
      await this.run(node.close())
    }
    // The last datagrams are still under way.
    await this.clock.advance(100)
    assert.equal(this.clock.next(), Infinity, 'a timer is left')
  }
}

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 10)) & 0xff)

const chunksOf = ({ files }: Member): string[] => files.paths.filter((path) => path.startsWith('/data/chunks/'))

describe('whole nodes on a fake clock', () => {
  it('two of them: one uploads to the other, which gives the file back', async () => {
    const world = await NodeWorld.make()
    const holder = await world.add('node')
    const client = await world.add('client')
    const bytes = pattern(FILE_BYTES)
    client.files.put('/in', bytes)
    await assert.rejects(world.run(client.node.put('/in')), { code: 'NOT_ENOUGH_HOLDERS' })
    const put = await world.run(client.node.put('/in', { allowFewer: true }))
    assert.deepEqual([put.bytes, put.chunks, put.holders], [FILE_BYTES, 2, 1])
    assert.equal(chunksOf(holder).length, 3, 'two chunks and their map')
    const got = await world.run(client.node.get(put.link, '/out'))
    assert.deepEqual(got.asked, [holder.node.peerId])
    assert.ok(sameBytes(client.files.peek('/out') ?? new Uint8Array(), bytes))
    await world.close()
  })

  it('nine of them, through loss: seven hold each chunk, then an upload stores nothing, a killed holder is done without', async () => {
    const world = await NodeWorld.make()
    for (let i = 0; i < 8; i++) await world.add('node')
    const client = await world.add('client')
    const bytes = pattern(FILE_BYTES)
    client.files.put('/in', bytes)
    // Of a hundred datagrams one is lost, and 4 MiB may take some seconds more on one way than on another: nobody is given up for that.
    const put = await world.run(client.node.put('/in', { limits: { graceMinMs: PATIENT_MS, graceMs: PATIENT_MS } }))
    assert.deepEqual([put.chunks, put.holders], [2, HOLDERS_WANTED])
    const held = world.members.map((member) => chunksOf(member).length)
    assert.equal(
      held.reduce((sum, count) => sum + count, 0),
      3 * HOLDERS_WANTED,
    )
    const again = await world.run(client.node.put('/in'))
    assert.deepEqual([again.link, again.holders, again.stored], [put.link, HOLDERS_WANTED, 0])
    const other = await world.add('client')
    const first = await world.run(other.node.get(put.link, '/first'))
    const killed = world.members.find(({ node }) => node.peerId === first.asked[0])
    assert.ok(killed !== undefined)
    await world.run(killed.node.close())
    const second = await world.run(other.node.get(put.link, '/second'))
    assert.ok(!second.asked.includes(killed.node.peerId) || second.asked.length > 1)
    assert.ok(sameBytes(other.files.peek('/second') ?? new Uint8Array(), bytes))
    await assert.rejects(world.run(other.node.get(put.link, '/second')), { code: 'FILE_EXISTS' })
    await world.close()
  })

  it('a node that starts again holds what it held, and its directory is locked meanwhile', async () => {
    const world = await NodeWorld.make()
    const { node, files } = await world.add('node')
    const client = await world.add('client')
    client.files.put('/in', pattern(1000))
    const { link } = await world.run(client.node.put('/in', { allowFewer: true }))
    const ports = {
      clock: world.clock,
      timers: world.clock,
      workers: world.workers,
      files,
      crypto,
      random: world.random,
      names: NO_NAMES,
    }
    const again = {
      ports: { ...ports, udp: world.network.host({ ip4: '192.0.99.1' }) },
      identity: await generateIdentity(),
      listen: ['/ip4/192.0.99.1/udp/9000/quic-v1'],
      dataDirectory: '/data',
    }
    await assert.rejects(world.run(createNode(again)), { code: 'DATA_DIR_IN_USE' })
    await world.run(node.close())
    const restarted = await world.run(createNode(again))
    world.members.push({ node: restarted, files })
    const [address] = restarted.addresses
    assert.ok(address !== undefined)
    await world.run(client.node.transport.connectPeer(address))
    const got = await world.run(client.node.get(link, '/out'))
    assert.deepEqual(got.asked, [restarted.peerId])
    await world.close()
  })

  it('a disk that hangs holds up neither closing nor an upload to others, and its directory stays locked until it goes on', async () => {
    const world = await NodeWorld.make()
    for (let i = 0; i < 8; i++) await world.add('node')
    const { node: client, files } = await world.add('client')
    files.put('/in', pattern(100_000))
    const { node, files: disk } = world.members[1]!
    disk.faults.hang = new Set(['write'])
    const began = world.clock.now()
    const { holders } = await world.run(client.put('/in'))
    assert.ok(holders >= 6)
    assert.ok(world.clock.now() - began < 15_000, `it took ${world.clock.now() - began} ms`)
    const closing = world.clock.now()
    await assert.rejects(world.run(node.close()), { code: 'IO_FAILED' })
    assert.ok(world.clock.now() - closing < 20_000)
    await assert.rejects(disk.lock('/data'), { code: 'DATA_DIR_IN_USE' })
    disk.release()
    await world.clock.advance(100)
    await (await disk.lock('/data')).release()
    world.members.splice(1, 1)
    await world.close()
  })

  it('ten of them, of which one closes: at once and for a minute nobody’s upload waits for it', async () => {
    const world = await NodeWorld.make()
    for (let i = 0; i < 10; i++) await world.add('node')
    const [leaver] = world.members.splice(4, 1)
    assert.ok(leaver !== undefined)
    const took: number[] = []
    const upload = async ({ node, files }: Member, name: string): Promise<void> => {
      files.put(name, pattern(1000 + took.length))
      const began = world.clock.now()
      await world.run(node.put(name))
      took.push(world.clock.now() - began)
    }
    // The goodbye is on its way, and the connections linger.
    const closing = leaver.node.close()
    await world.clock.advance(100)
    for (const member of world.members.slice(0, 4)) await upload(member, '/at-once')
    await world.run(closing)
    for (const member of world.members) await upload(member, '/later')
    assert.ok(Math.max(...took) < PATIENCE_MS, `the slowest of ${took.length} took ${Math.max(...took)} ms`)
    await world.clock.advance(35_000)
    const before = took.length
    for (const member of world.members) await upload(member, '/long-after')
    // By now the goodbye is forgotten, and whoever still hears of the leaver may dial it: that costs a lookup its patience, once.
    const slowest = Math.max(...took.slice(before))
    assert.ok(slowest < 2 * PATIENCE_MS, `the slowest took ${slowest} ms`)
    await world.close()
  })

  it('options that make no sense are refused before anything is bound', async () => {
    for (const listen of ['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.01/udp/1/quic-v1', 'localhost:1']) {
      await assert.rejects(
        createNode({ listen: [listen] }),
        (error) => SallyportError.from(error).code === 'ADDRESS_INVALID',
      )
    }
    const twice = ['/ip4/127.0.0.1/udp/0/quic-v1', '/ip4/127.0.0.2/udp/0/quic-v1']
    await assert.rejects(createNode({ listen: twice }), { code: 'ARGUMENT_INVALID' })
    await assert.rejects(createNode({ bootstrap: ['nowhere'] }), { code: 'ADDRESS_INVALID' })
  })
})
