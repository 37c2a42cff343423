// How fast virtual time is, in processor time of one core: packets of transfers, and hosts that are idle. `--hosts N` sizes the second.
//   npm run bench:world [-- --hosts 1000] [-- --check]
import { parseArgs } from 'node:util'
import { createNode, type Node } from '../../src/node/node.ts'
import { World } from '../../src/world/world.ts'

/** The aims: simulated datagrams a second of one core, and idle virtual seconds a second of one core with 1,000 hosts of 30 connections. */
const AIMS = { datagramsPerSecond: 60_000, idleTimesRealTime: 20 }

const CONNECTIONS_EACH = 30
const IDLE_MS = 60_000
const FILE_BYTES = 20_000_000

const { values } = parseArgs({
  options: { hosts: { type: 'string', default: '1000' }, check: { type: 'boolean', default: false } },
})
const hosts = Number(values.hosts)

/** Seconds of processor time so far. */
const cpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const settle = async (world: World, count: number, dataDirectory: string | null): Promise<Node[]> => {
  const nodes: Node[] = []
  for (let n = 0; n < count; n++) {
    const name = `h${n}`
    const ip4 = `20.${n >> 8}.${n & 255}.1`
    const { ports } = world.host({ name, region: n % 2 === 0 ? 'europe' : 'us-east', ip4 }).start()
    const made = createNode({
      ports,
      identity: await world.identity(name),
      listen: [`/ip4/${ip4}/udp/9000/quic-v1`],
      ...(dataDirectory === null ? {} : { dataDirectory }),
      bootstrap: nodes.slice(0, 1).flatMap(({ addresses }) => addresses),
    })
    nodes.push(await world.run(made))
  }
  return nodes
}

const transfers = async (): Promise<number> => {
  const world = new World({ seed: 1 })
  const nodes = await settle(world, 9, '/data')
  for (const node of nodes.slice(1)) await world.run(node.join())
  const put = async (place: number): Promise<void> => {
    const { disk } = world.hosts[place] ?? world.hosts[0] ?? { disk: null }
    disk?.put('/in', world.random(`file ${place}`).bytes(FILE_BYTES))
    const { link } = (await nodes[place]?.put('/in')) ?? { link: '' }
    await nodes[(place + 1) % nodes.length]?.get(link, '/out', { force: true })
  }
  await world.run(put(1))
  const [before, began] = [world.network.counts.sent, cpu()]
  await world.run(Promise.all([put(2), put(3)]))
  return (world.network.counts.sent - before) / (cpu() - began)
}

const idleness = async (): Promise<{ timesRealTime: number; datagrams: number; bytesEach: number }> => {
  const world = new World({ seed: 2 })
  const nodes = await settle(world, hosts, null)
  const connections = CONNECTIONS_EACH / 2
  for (const [place, node] of nodes.entries()) {
    for (let step = 1; step <= connections; step++) {
      const peer = nodes[(place + step) % hosts]
      if (peer === undefined || peer === node) continue
      await world.run(node.transport.connectPeer(peer.addresses[0] ?? ''))
      // Both ends hold it: who does not lets it go when it has been idle.
      node.transport.hold(peer.peerId)
      peer.transport.hold(node.peerId)
    }
  }
  await world.pass(20_000)
  const [sent, began] = [world.network.counts.sent, cpu()]
  await world.pass(IDLE_MS)
  return {
    timesRealTime: IDLE_MS / 1000 / (cpu() - began),
    datagrams: (world.network.counts.sent - sent) / (IDLE_MS / 1000),
    bytesEach: process.memoryUsage().rss / hosts,
  }
}

const datagrams = await transfers()
console.log(`transfers: ${Math.round(datagrams)} datagrams a second of processor time (aim ${AIMS.datagramsPerSecond})`)
const idle = await idleness()
console.log(
  `${hosts} idle hosts, ${CONNECTIONS_EACH} connections each: ${idle.timesRealTime.toFixed(1)} times real time (aim ${AIMS.idleTimesRealTime} with 1,000), ` +
    `${Math.round(idle.datagrams)} datagrams in each virtual second, ${Math.round(idle.bytesEach / 1024)} KiB a host`,
)
const missed = [
  datagrams < AIMS.datagramsPerSecond ? 'datagramsPerSecond' : null,
  idle.timesRealTime < AIMS.idleTimesRealTime ? 'idleTimesRealTime' : null,
].filter((name) => name !== null)
if (values.check && missed.length > 0) {
  console.log(`missed: ${missed.join(', ')}`)
  process.exitCode = 1
}
