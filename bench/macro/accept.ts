// How fast a node takes in connections, and what one costs it: clients in this process, the node in another, on loopback, each client a
// node of its own that dials, is identified and has a few bytes echoed. `--connections 300 --at-once 32` are the defaults.
import { parseArgs } from 'node:util'
import { createNode, generateIdentity, systemPorts } from '../../src/index.ts'
import type { Node } from '../../src/index.ts'
import type { TargetReport, TargetRequest } from '../../src/siege/target.ts'
import { Child } from '../../src/testnet/child.ts'
import { machine, median } from './report.ts'

const ROUNDS = 3

const { values } = parseArgs({
  options: { connections: { type: 'string', default: '300' }, 'at-once': { type: 'string', default: '32' } },
})
const connections = Number(values.connections)
const atOnce = Number(values['at-once'])

interface Round {
  readonly perSecond: number
  readonly serverCpuMs: number
}

const dialAll = async (address: string, clients: readonly Node[]): Promise<void> => {
  const waiting = clients.values()
  const lane = async (): Promise<void> => {
    for (const client of waiting) {
      const { peerId } = await client.transport.connectPeer(address)
      const { payload } = await client.transport.request(peerId, '/echo/1', Uint8Array.of(1, 2, 3))
      if (payload.length !== 3) throw new Error('the echo is not what was sent')
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

const round = async (): Promise<Round> => {
  const target = new Child(new URL('../../src/siege/target.ts', import.meta.url), ['own'])
  const ask = <Result>(request: TargetRequest): Promise<Result> => target.request<Result>(request)
  await using ports = await systemPorts()
  const clients: Node[] = []
  try {
    const address = await ask<string>({ kind: 'listen' })
    for (let n = 0; n < connections; n++) {
      const identity = await generateIdentity()
      clients.push(
        await createNode({ listen: ['/ip4/127.0.0.1/udp/0/quic-v1'], identity, capability: 'client', ports }),
      )
    }
    const before = await ask<TargetReport>({ kind: 'report' })
    const begun = performance.now()
    await dialAll(address, clients)
    const seconds = (performance.now() - begun) / 1e3
    const after = await ask<TargetReport>({ kind: 'report' })
    return {
      perSecond: connections / seconds,
      serverCpuMs: (after.cpuMicros - before.cpuMicros) / 1e3 / connections,
    }
  } finally {
    await Promise.allSettled(clients.map((client) => client.close()))
    await target.end()
  }
}

console.log(`${machine()}: ${connections} connections, ${atOnce} at once, median of ${ROUNDS} rounds`)
const rounds: Round[] = []
for (let n = 0; n < ROUNDS; n++) {
  const { perSecond, serverCpuMs } = await round()
  rounds.push({ perSecond, serverCpuMs })
  console.log(
    `  round ${n + 1}: ${perSecond.toFixed(0)} connections/s, ${serverCpuMs.toFixed(2)} ms of server CPU each`,
  )
}
console.log(`connections per second: ${median(rounds.map((each) => each.perSecond)).toFixed(0)}`)
console.log(`server CPU per connection: ${median(rounds.map((each) => each.serverCpuMs)).toFixed(2)} ms`)
