// A network in virtual time: the same seed always gives the same run, losses included, and a minute of it takes a moment.
import { createNode, type Node } from 'sallyport'
import { brokenRule, loss, World } from 'sallyport/world'

const seed = 7
const world = new World({ seed })
const open = async (name: string, ip4: string): Promise<Node> => {
  const { ports } = world.host({ name, region: name === 'alice' ? 'europe' : 'asia', ip4 }).start()
  const listen = [`/ip4/${ip4}/udp/9000/quic-v1`]
  return world.run(createNode({ ports, identity: await world.identity(name), listen }))
}
const alice = await open('alice', '192.0.2.1')
const bob = await open('bob', '198.51.100.1')
alice.transport.handle('/greet/1', ({ payload }) => ({ status: 0, payload }))

world.network.impose(loss(world.random('weather'), 0.2))
const { peerId } = await world.run(bob.transport.connectPeer(alice.addresses[0] ?? ''))
for (let n = 1; n <= 20; n++) {
  const { payload } = await world.run(bob.transport.request(peerId, '/greet/1', Uint8Array.of(n)))
  if (payload[0] !== n) throw new Error(`seed ${seed}: another answer`)
  await world.pass(2000)
}
for (const node of [alice, bob]) {
  const broken = brokenRule(node)
  if (broken !== null) throw new Error(`seed ${seed}: ${broken.rule}`)
  await world.run(node.close())
}
console.log(
  `${(world.now / 1000).toFixed(0)} s of virtual time, ${world.network.counts.lost} datagrams lost, trace ${world.trace.hash}`,
)
