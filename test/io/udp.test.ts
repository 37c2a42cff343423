// Real sockets and the network in memory under one suite; then what each alone does.
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, it } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import { findDrops } from '../../src/io/kernel-drops.ts'
import { systemUdp } from '../../src/io/udp.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { MemoryNetwork } from '../support/memory-udp.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { udpCompliance } from '../support/udp-compliance.ts'

const ip6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
const LOCAL: Address = { family: 4, ip: '127.0.0.1', port: 0 }
const silent = { datagram: () => {}, failed: () => {} }

describe('sockets of the system', () => {
  const pass = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 40))
  udpCompliance(() => ({ udp: systemUdp, pass, ip6 }))

  it(
    'shows the datagrams that a busy process made the kernel drop',
    { skip: process.platform !== 'linux' },
    async () => {
      const receiver = await systemUdp.bind(LOCAL, silent)
      const sender = await systemUdp.bind(LOCAL, silent)
      // Nothing is received while this loop runs: far more bytes than any buffer holds.
      for (let i = 0; i < 4000; i++) sender.send(new Uint8Array(16_000), receiver.local, () => {})
      const drops = receiver.kernelDrops()
      assert.ok(drops !== null && drops > 0, String(drops))
      await sender.close()
      await receiver.close()
    },
  )

  it('survives closing with datagrams still to be sent', async () => {
    const socket = await systemUdp.bind(LOCAL, silent)
    let calls = 0
    for (let i = 0; i < 500; i++) socket.send(new Uint8Array(1200), socket.local, () => calls++)
    await socket.close()
    await pass()
    assert.equal(calls, 500)
  })
})

describe("the kernel's table of sockets", () => {
  const TABLE = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  481: 0100007F:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 41 2 0000000000000000 17
  482: 00000000:2329 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 42 2 0000000000000000 0
  483: 00000000000000000000000001000000:2328 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000 1000 0 43 2 0000000000000000 3
  485: 0200007F:2330 0100007F:2331 01 00000000:00000000 00:00000000 00000000  1000        0 45 2 0000000000000000 5
  484: B80D0120000000000000000001000000:2328 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000 1000 0 44 2 0000000000000000 4
`

  it('is read by address and port, in either family', () => {
    assert.equal(findDrops(TABLE, { family: 4, ip: '127.0.0.1', port: 9000 }), 17)
    assert.equal(findDrops(TABLE, { family: 4, ip: '0.0.0.0', port: 9001 }), 0)
    assert.equal(findDrops(TABLE, { family: 6, ip: '::1', port: 9000 }), 3)
    assert.equal(findDrops(TABLE, { family: 6, ip: '2001:db8::1', port: 9000 }), 4)
    assert.equal(findDrops(TABLE, { family: 4, ip: '127.0.0.2', port: 9000 }), null)
    assert.equal(findDrops(TABLE, { family: 4, ip: '127.0.0.1', port: 9009 }), null, 'the far end of another')
    assert.equal(findDrops('', { family: 4, ip: '127.0.0.1', port: 9000 }), null)
  })
})

describe('the network in memory', () => {
  udpCompliance(() => {
    const clock = new FakeClock()
    const network = new MemoryNetwork(clock, new SeededRandom(1))
    return { udp: network.host(), pass: () => clock.advance(100), ip6: true }
  })

  const lab = async (seed: number, weather: ConstructorParameters<typeof MemoryNetwork>[2]) => {
    const clock = new FakeClock()
    const network = new MemoryNetwork(clock, new SeededRandom(seed), weather)
    const received: number[] = []
    const from: Address = { family: 4, ip: '0.0.0.0', port: 1 }
    const a = await network.host({ ip4: '192.0.2.1' }).bind(from, silent)
    const datagram = (bytes: Uint8Array): void => void received.push((bytes[0] ?? 0) * 256 + (bytes[1] ?? 0))
    await network.host({ ip4: '192.0.2.2' }).bind({ ...from, port: 2 }, { ...silent, datagram })
    const send = (n: number): void =>
      a.send(Uint8Array.of(n >> 8, n), { family: 4, ip: '192.0.2.2', port: 2 }, () => {})
    return { clock, network, received, send }
  }

  it('loses, repeats and reorders as often as it is told, the same way for the same seed', async () => {
    const run = async (seed: number): Promise<number[]> => {
      const { clock, received, send } = await lab(seed, { loss: 0.1, duplication: 0.05, jitterMs: 20 })
      for (let i = 0; i < 2000; i++) {
        send(i)
        await clock.advance(1)
      }
      await clock.advance(100)
      return received
    }
    const first = await run(5)
    assert.deepEqual(first, await run(5))
    assert.notDeepEqual(first, await run(6))
    const distinct = new Set(first).size
    assert.ok(distinct > 1720 && distinct < 1880, `${distinct} of 2,000 arrived`)
    assert.ok(first.length - distinct > 50, 'some arrived twice')
    assert.ok(
      first.some((n, i) => i > 0 && n < (first[i - 1] ?? 0)),
      'some overtook others',
    )
  })

  it('delivers after the latency and not before', async () => {
    const { clock, received, send } = await lab(1, { latencyMs: 40 })
    send(1)
    await clock.advance(39.9)
    assert.deepEqual(received, [])
    await clock.advance(0.1)
    assert.deepEqual(received, [1])
  })

  it('lets a tap see, change and drop datagrams', async () => {
    const { clock, network, received, send } = await lab(1, {})
    network.tap = (bytes, from) => {
      assert.deepEqual(from, { family: 4, ip: '192.0.2.1', port: 1 })
      bytes[0] = 1
      return bytes[1] === 2 ? 'drop' : 'pass'
    }
    for (const n of [1, 2, 3]) send(n)
    await clock.advance(100)
    assert.deepEqual(received, [257, 259])
    assert.equal(network.counts.lost, 1)
  })

  it('keeps loopback within a host', async () => {
    const clock = new FakeClock()
    const network = new MemoryNetwork(clock, new SeededRandom(1))
    const heard: string[] = []
    const listen = async (name: string) =>
      network.host().bind({ ...LOCAL, port: 9000 }, { ...silent, datagram: () => heard.push(name) })
    const a = await listen('a')
    await listen('b')
    a.send(Uint8Array.of(1), { ...LOCAL, port: 9000 }, () => {})
    await clock.advance(10)
    assert.deepEqual(heard, ['a'])
  })

  it('loses what is more than its bound, and counts it', async () => {
    const { clock, network, received, send } = await lab(1, {})
    for (let i = 0; i < 50_010; i++) send(i)
    assert.equal(network.counts.overflowed, 10)
    await clock.advance(10)
    assert.equal(received.length, 50_000)
  })
})
