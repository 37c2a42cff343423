// The ports of the virtual world under the suites that every implementation of them passes.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { realCryptography, STAND_IN } from '../../src/world/cryptography.ts'
import type { Process } from '../../src/world/host.ts'
import { World } from '../../src/world/world.ts'
import { filesCompliance } from '../support/files-compliance.ts'
import { timeCompliance } from '../support/time-compliance.ts'
import { udpCompliance } from '../support/udp-compliance.ts'
import { workersCompliance } from '../support/workers-compliance.ts'

const real = await realCryptography()

const start = (world: World, clock = { startMs: 12_345.678, skewMs: 0, drift: 0 }): Process =>
  world.host({ name: 'a', region: 'europe', ip4: '192.0.2.1', ip6: '2001:db8::1', clock }).start()

describe('virtual time', () => {
  timeCompliance(() => {
    const world = new World({ seed: 1 })
    const { clock, timers } = start(world).ports
    return { clock, timers, pass: (ms) => world.pass(ms) }
  })
})

describe('virtual time that goes wrong', () => {
  timeCompliance(() => {
    const world = new World({ seed: 1 })
    const { clock, timers } = start(world, { startMs: 7e9 + 0.1, skewMs: 86_400_000, drift: -0.0123 }).ports
    return { clock, timers, pass: (ms) => world.pass(ms) }
  })
})

describe('the virtual network', () => {
  udpCompliance(() => {
    const world = new World({ seed: 1 })
    return { udp: start(world).ports.udp, pass: () => world.pass(500), ip6: true }
  })
})

/** Calls of these suites are awaited as they are: time is kept moving beside them. */
const moving = (world: World): void => {
  const move = async (): Promise<void> => {
    for (let n = 0; n < 5000; n++) {
      await world.pass(10)
      if (world.timeline.next === Infinity) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  void move()
}

describe('virtual files', () => {
  filesCompliance(async () => {
    const world = new World({ seed: 1 })
    const { files } = start(world).ports
    moving(world)
    await files.makeDirectory('/root')
    return { files, root: '/root' }
  })
})

for (const cryptography of [STAND_IN, real]) {
  describe(`virtual workers with the ${cryptography.name} cryptography`, () => {
    workersCompliance(
      async () => {
        const world = new World({ seed: 1, cryptography })
        return { workers: start(world).ports.workers, finish: (promise) => world.run(promise) }
      },
      {
        crypto: cryptography.crypto(new World({ seed: 2 }).random('keys')),
        identity: (name) => new World({ seed: 3, cryptography }).identity(name),
      },
    )
  })
}

it('the two kinds of cryptography are told apart', () => {
  assert.notEqual(STAND_IN.name, real.name)
})
