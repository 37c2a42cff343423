// Hosts in virtual time: work takes its time, a busy loop makes everything late, and a process that ends is gone with all it had not synced.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import type { Work } from '../../src/core/ports.ts'
import { COSTS } from '../../src/world/costs.ts'
import type { Host } from '../../src/world/host.ts'
import { World } from '../../src/world/world.ts'

const HERE: Address = { family: 4, ip: '192.0.2.1', port: 9000 }
const THERE: Address = { family: 4, ip: '192.0.2.2', port: 9000 }

const two = (): { world: World; a: Host; b: Host } => {
  const world = new World({ seed: 3 })
  const a = world.host({ name: 'a', region: 'europe', ip4: HERE.ip })
  const b = world.host({ name: 'b', region: 'asia', ip4: THERE.ip })
  return { world, a, b }
}

describe('a virtual processor', () => {
  it('takes the time that work costs, and makes late what comes meanwhile', async () => {
    const { world, a } = two()
    const { ports, processor } = a.start()
    const ran: number[] = []
    const base = ports.clock.now()
    ports.timers.at(base + 10, () => {
      for (let n = 0; n < 1000; n++) ports.crypto.hmac('sha256', new Uint8Array(32), new Uint8Array(0))
    })
    ports.timers.at(base + 11, () => ran.push(ports.clock.now() - base))
    await world.pass(100)
    const busyMs = 1000 * COSTS.hmac
    assert.ok(ran[0]! >= 10 + busyMs - 1e-6 && ran[0]! < 11 + busyMs, `${ran[0]}`)
    assert.ok(processor.workedMs >= busyMs)
  })

  it('runs what was asked for soon after what has come already', async () => {
    const { world, a } = two()
    const { ports, processor } = a.start()
    const ran: string[] = []
    processor.post(() => {
      ports.timers.soon(() => ran.push('soon'))
      ran.push('first')
    })
    processor.post(() => ran.push('second'))
    await world.pass(1)
    assert.deepEqual(ran, ['first', 'second', 'soon'])
  })

  it('loses at the receive buffer what a busy loop does not take, and counts it', async () => {
    const { world, a, b } = two()
    let received = 0
    const nothing = (): void => {}
    const deaf = b.start()
    const socket = await deaf.ports.udp.bind(THERE, { datagram: () => received++, failed: nothing })
    const sender = await a.start().ports.udp.bind(HERE, { datagram: nothing, failed: nothing })
    await world.pass(1)
    b.freeze(10_000)
    for (let round = 0; round < 50; round++) {
      for (let n = 0; n < 100; n++) sender.send(new Uint8Array(1200), THERE, nothing)
      await world.pass(20)
    }
    await world.pass(1000)
    assert.equal(received, 0)
    const drops = socket.kernelDrops() ?? 0
    assert.ok(drops > 500 && drops < 2000, `${drops}`)
    await world.pass(20_000)
    assert.equal(received, 5000 - drops)
  })

  it('makes signatures wait for one another as threads of their own do', async () => {
    const { world, a } = two()
    const { ports } = a.start()
    const identity = await world.identity('a')
    const done: number[] = []
    const began = ports.clock.now()
    for (let id = 0; id < 40; id++) {
      const work: Work = { id, kind: 'sign', content: Uint8Array.of(id) }
      ports.workers.run({ work, identity, done: () => done.push(ports.clock.now() - began) })
    }
    assert.equal(ports.workers.depth(), 40)
    await world.pass(1000)
    assert.equal(done.length, 40)
    // Two threads: one for signatures alone, one that does them too.
    assert.ok(Math.abs(done[39]! - 20 * COSTS.sign) < 3 * COSTS.sign, `${done[39]}`)
  })
})

describe('a process that ends', () => {
  it('never comes back: no timer, datagram, call or job of it runs', async () => {
    const { world, a, b } = two()
    const { ports, held } = b.start()
    let ran = 0
    const nothing = (): void => {}
    const count = (): void => void ran++
    await ports.udp.bind(THERE, { datagram: count, failed: nothing })
    const sender = await a.start().ports.udp.bind(HERE, { datagram: nothing, failed: nothing })
    ports.timers.at(ports.clock.now() + 200, count)
    ports.timers.soon(count)
    const identity = await world.identity('b')
    ports.workers.run({ work: { id: 1, kind: 'sign', content: new Uint8Array(1) }, identity, done: count })
    void ports.files.makeDirectory('/x').then(count)
    sender.send(new Uint8Array(10), THERE, nothing)
    assert.deepEqual(held.left(), ['1 timers', '1 sockets', '1 jobs'])
    b.kill()
    await world.pass(1000)
    assert.equal(ran, 0)
    assert.equal(world.network.counts.unreachable, 1)
    await b.start().ports.udp.bind(THERE, { datagram: count, failed: nothing })
  })

  it('leaves of its files what was synced when the power goes, and all when it is only killed', async () => {
    const { world, a } = two()
    const write = async (path: string, synced: boolean): Promise<void> => {
      const { files } = a.process!.ports
      const file = await files.open(path, 'create')
      await file.write(Uint8Array.of(1, 2, 3), 0)
      if (synced) await file.sync()
      await file.close()
      if (synced) await files.rename(path, `${path}.kept`)
    }
    a.start()
    await world.run(write('/synced', true))
    await world.run(write('/unsynced', false))
    a.kill()
    assert.deepEqual(a.disk.paths, ['/synced.kept', '/unsynced'])
    a.start()
    await world.run(a.process!.ports.files.lock('/data'))
    assert.equal(a.crash(), 1)
    assert.deepEqual(a.disk.paths, ['/synced.kept'])
    assert.equal(a.disk.peek('/synced.kept')?.length, 3)
    await world.run(a.start().ports.files.lock('/data'))
  })

  it('draws other randomness when it is started again, and the same in another run of the seed', () => {
    const drawn = (times: number): string => {
      const { a } = two()
      for (let n = 1; n < times; n++) {
        a.start()
        a.kill()
      }
      const bytes = new Uint8Array(16)
      a.start().ports.random.fill(bytes)
      return bytes.join()
    }
    assert.equal(drawn(1), drawn(1))
    assert.notEqual(drawn(1), drawn(2))
  })
})

describe('a host with wrong clocks', () => {
  it('goes fast or slow by its drift, tells a wrong date, and both begin at any moment', async () => {
    const { world, a } = two()
    const { clock } = a.start().ports
    const [now, wall] = [clock.now(), clock.wall()]
    await world.pass(1000)
    a.setClock({ skewMs: 86_400_000, drift: 0.01 })
    assert.ok(Math.abs(clock.now() - now - 1000) < 1e-6, 'what it says stays')
    assert.ok(clock.wall() - wall >= 86_400_000 + 999)
    await world.pass(1000)
    assert.ok(Math.abs(clock.now() - now - 2010) < 1e-6)
  })
})
