// Thirty percent of the nodes die, two percent at a time and the next when every chunk has its holders again: every file whose upload was
// acknowledged is still there. In virtual time; a smaller one with real processes is in test/testnet.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Findings } from '../../src/world/nodes/findings.ts'
import { Member } from '../../src/world/nodes/member.ts'
import { SeededRandom } from '../../src/world/random.ts'
import { World } from '../../src/world/world.ts'

const NODES = 50
const PERCENT_KILLED = 30
const PERCENT_AT_ONCE = 2
const HOLDERS = 7

/** Virtual minutes after which somebody's death must have been made good. */
const MADE_GOOD_WITHIN = 10

class DyingNetwork {
  readonly world: World
  readonly findings: Findings
  readonly members: Member[] = []

  constructor(seed: number) {
    this.world = new World({ seed })
    this.findings = new Findings(() => this.world.now)
  }

  async start(nodes: number): Promise<void> {
    for (let n = 0; n < nodes; n++) await this.add('node')
    await this.until(() => this.members.every(({ joined }) => joined))
  }

  /** Adds a member far from the others by address, through any who live. */
  async add(kind: 'node' | 'client'): Promise<Member> {
    const { world, findings, members } = this
    const place = members.length
    const name = `m${place}`
    const host = world.host({ name, region: 'europe', ip4: `20.0.${place}.1`, upMbps: 500, downMbps: 500 })
    const bootstrap = (): string[] =>
      members
        .slice(0, place)
        .filter(({ node }) => node !== null)
        .slice(0, 3)
        .map(({ address }) => address)
    const member = new Member({ world, host, identity: await world.identity(name), findings, kind, bootstrap })
    members.push(member)
    member.start()
    await world.pass(500)
    return member
  }

  /** Lets time go by until it is so; the milliseconds that took. */
  async until(isSo: () => boolean, limitMs = 600_000): Promise<number> {
    const { world } = this
    const begun = world.now
    while (!isSo()) {
      assert.ok(world.now - begun < limitMs, `not so after ${limitMs} ms`)
      await world.pass(1000)
    }
    return world.now - begun
  }

  get alive(): Member[] {
    return this.members.filter(({ node, kind }) => node !== null && kind === 'node')
  }

  /** How many of the living have each chunk on their disks. */
  holders(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { host } of this.alive) {
      for (const path of host.disk.paths) {
        const [, address] = /^\/data\/chunks\/..\/([0-9a-f]{64})$/.exec(path) ?? []
        if (address !== undefined) counts.set(address, (counts.get(address) ?? 0) + 1)
      }
    }
    return counts
  }
}

test('every acknowledged file is there after thirty percent of the nodes have died', async () => {
  const network = new DyingNetwork(31)
  const { world } = network
  await network.start(NODES)
  const client = await network.add('client')
  await network.until(() => client.joined)
  const random = new SeededRandom(31, 'files')
  const files: { readonly link: string; readonly bytes: Uint8Array }[] = []
  for (const size of [1, 40_000, 300_000, 900_000]) {
    const bytes = new Uint8Array(size)
    random.fill(bytes)
    client.host.disk.put('/file', bytes)
    const { link, holders } = await world.run(client.node!.put('/file'))
    assert.equal(holders, HOLDERS)
    files.push({ link, bytes })
  }
  const addresses = [...network.holders().keys()]
  assert.equal(addresses.length, 8)

  const atOnce = Math.ceil((NODES * PERCENT_AT_ONCE) / 100)
  for (let killed = 0; killed < (NODES * PERCENT_KILLED) / 100; killed += atOnce) {
    // Holders first: the death of one that holds nothing would prove nothing.
    const holding = network.alive.filter(({ host }) => host.disk.paths.some((path) => path.startsWith('/data/chunks/')))
    for (let n = 0; n < atOnce; n++) random.pick(holding).host.kill()
    const isMadeGood = (): boolean => {
      const holders = network.holders()
      return addresses.every((address) => (holders.get(address) ?? 0) >= HOLDERS)
    }
    await network.until(isMadeGood, MADE_GOOD_WITHIN * 60_000)
  }
  assert.ok(network.alive.length <= (NODES * (100 - PERCENT_KILLED)) / 100)

  const reader = await network.add('client')
  await network.until(() => reader.joined)
  for (const { link, bytes } of files) {
    const out = `/copy-${bytes.length}`
    await world.run(reader.node!.get(link, out))
    assert.deepEqual(reader.host.disk.peek(out), bytes)
  }
  await network.until(() => network.alive.every(({ node }) => node?.replication()?.lag === 0))
  assert.equal(network.findings.first, null)
})
