// What a run looks at: that it finds nothing in a sound node, and each thing that is not as it should be.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createNode } from '../../src/node/node.ts'
import { LIMITS } from '../../src/node/options.ts'
import { brokenRule, leftBehind } from '../../src/world/nodes/node-checks.ts'
import { World } from '../../src/world/world.ts'

const nodeOf = async (world: World, name: string, ip4: string) => {
  const { ports } = world.host({ name, region: 'europe', ip4 }).start()
  const identity = await world.identity(name)
  return world.run(createNode({ ports, identity, listen: [`/ip4/${ip4}/udp/9000/quic-v1`] }))
}

describe('the checks of a node', () => {
  it('find nothing while two are connected, a bound that is passed, and nothing that is left after closing', async () => {
    const world = new World({ seed: 5 })
    const [a, b] = [await nodeOf(world, 'a', '192.0.2.1'), await nodeOf(world, 'b', '198.51.100.1')]
    await world.run(a.transport.connectPeer(b.addresses[0] ?? ''))
    await world.pass(100)
    assert.equal(brokenRule(a), null)
    assert.equal(brokenRule(b), null)
    assert.equal(brokenRule(a, { ...LIMITS, connectionsMax: 0.5 })?.rule, 'bound of connections')
    assert.ok(leftBehind(a.transport.gauges()).includes('1 connections'))
    await world.run(a.close())
    await world.run(b.close())
    assert.deepEqual(leftBehind(a.transport.gauges()), [])
  })

  it('name each thing that a closed node still has', () => {
    const nothing = {
      newcomers: 0,
      connections: 0,
      laneWaiting: 0,
      signingDepth: 0,
      tasks: 0,
      inboundBytes: 0,
      answerBytes: 0,
    }
    assert.deepEqual(leftBehind(nothing), [])
    assert.deepEqual(leftBehind({ ...nothing, tasks: 2, answerBytes: 7 }), ['2 tasks', '7 answerBytes'])
  })
})
