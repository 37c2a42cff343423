// What every implementation of Udp does, on loopback and within one host.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Address } from '../../src/core/address.ts'
import type { Udp, UdpSocket } from '../../src/io/ports.ts'

/** A network under test; `pass` lets datagrams arrive and callbacks run. */
export interface UdpUnderTest {
  readonly udp: Udp
  readonly pass: () => Promise<void>
  /** Whether the machine has IPv6. */
  readonly ip6: boolean
}

interface Received {
  readonly bytes: Uint8Array
  readonly from: Address
}

const ANY4: Address = { family: 4, ip: '127.0.0.1', port: 0 }
const ANY6: Address = { family: 6, ip: '::1', port: 0 }

const open = async (udp: Udp, local: Address = ANY4): Promise<{ socket: UdpSocket; received: Received[] }> => {
  const received: Received[] = []
  const socket = await udp.bind(local, {
    datagram: (bytes, from) => received.push({ bytes, from }),
    failed: (error) => assert.fail(String(error)),
  })
  return { socket, received }
}

const nothing = (): void => {}

/** Declares the suite's tests for the implementation `make` gives. */
export const udpCompliance = (make: () => UdpUnderTest): void => {
  it('binds port 0 to a real port and says which', async () => {
    const { udp } = make()
    const a = await open(udp)
    const b = await open(udp)
    assert.equal(a.socket.local.ip, '127.0.0.1')
    assert.ok(a.socket.local.port > 0 && a.socket.local.port !== b.socket.local.port)
    await a.socket.close()
    await b.socket.close()
  })

  it('carries datagrams whole, with the address they come from, to whom they are sent', async () => {
    const { udp, pass } = make()
    const [a, b, c] = [await open(udp), await open(udp), await open(udp)]
    for (const size of [0, 1, 1200, 1452, 16_000]) {
      a.socket.send(new Uint8Array(size).fill(size & 0xff), b.socket.local, nothing)
    }
    await pass()
    assert.deepEqual(
      b.received.map(({ bytes }) => bytes.length),
      [0, 1, 1200, 1452, 16_000],
    )
    assert.deepEqual(b.received[2]?.from, a.socket.local)
    assert.ok(b.received[3]?.bytes.every((byte) => byte === (1452 & 0xff)))
    assert.equal(c.received.length, 0)
    // A view of some Buffer would: what is kept of a datagram is copied, or all of it is kept.
    const [whole] = b.received.filter(({ bytes }) => bytes.length === 1200)
    assert.notEqual(whole?.bytes.slice().buffer, whole?.bytes.buffer)
    for (const { socket } of [a, b, c]) await socket.close()
  })

  it('gives each datagram memory of its own, out of which a slice is a copy', async () => {
    const { udp, pass } = make()
    const [a, b] = [await open(udp), await open(udp)]
    for (let n = 0; n < 2; n++) a.socket.send(new Uint8Array(1200), b.socket.local, nothing)
    await pass()
    const [first, second] = b.received
    assert.ok(first !== undefined && second !== undefined && first.bytes.buffer !== second.bytes.buffer)
    assert.equal(first.bytes.slice(0, 8).buffer.byteLength, 8)
    assert.equal(first.bytes.buffer.byteLength, 1200)
    for (const { socket } of [a, b]) await socket.close()
  })

  it('keeps the two families apart: each has the same port, an answer finds its way', async (t) => {
    const { udp, pass, ip6 } = make()
    if (!ip6) return t.skip('no IPv6 here')
    const four = await open(udp, { family: 4, ip: '0.0.0.0', port: 0 })
    const six = await open(udp, { family: 6, ip: '::', port: four.socket.local.port })
    const asker = await open(udp, ANY6)
    asker.socket.send(Uint8Array.of(6), { ...ANY6, port: six.socket.local.port }, nothing)
    await pass()
    assert.equal(four.received.length, 0)
    assert.deepEqual(six.received[0]?.from, asker.socket.local)
    for (const { socket } of [four, six, asker]) await socket.close()
  })

  it('calls `sent` once for each datagram, later, and keeps no hold of the bytes after it', async () => {
    const { udp, pass } = make()
    const a = await open(udp)
    const b = await open(udp)
    const bytes = new Uint8Array(100).fill(1)
    let calls = 0
    a.socket.send(bytes, b.socket.local, () => {
      calls++
      bytes.fill(2)
    })
    assert.equal(calls, 0)
    await pass()
    assert.equal(calls, 1)
    assert.deepEqual(
      b.received[0]?.bytes.every((byte) => byte === 1),
      true,
    )
    await a.socket.close()
    await b.socket.close()
  })

  it('calls `sent` also for what cannot be sent, and fails nothing', async () => {
    const { udp, pass } = make()
    const { socket } = await open(udp)
    let calls = 0
    const count = (): void => void calls++
    socket.send(Uint8Array.of(1), { family: 4, ip: '127.0.0.1', port: 9 }, count)
    socket.send(Uint8Array.of(1), { family: 4, ip: '127.0.0.1', port: 0 }, count)
    socket.send(Uint8Array.of(1), { family: 6, ip: '::1', port: 9 }, count)
    socket.send(new Uint8Array(70_000), { family: 4, ip: '127.0.0.1', port: 9 }, count)
    await pass()
    assert.equal(calls, 4)
    await socket.close()
    socket.send(Uint8Array.of(1), { family: 4, ip: '127.0.0.1', port: 9 }, count)
    await pass()
    assert.equal(calls, 5)
  })

  it('gives each datagram in memory of its own', async () => {
    const { udp, pass } = make()
    const a = await open(udp)
    const b = await open(udp)
    for (const byte of [1, 2]) a.socket.send(new Uint8Array(50).fill(byte), b.socket.local, nothing)
    await pass()
    b.received[0]?.bytes.fill(9)
    assert.deepEqual([...(b.received[1]?.bytes ?? [])], Array(50).fill(2))
    await a.socket.close()
    await b.socket.close()
  })

  it('refuses an address that is in use or not ours, with BIND_FAILED', async () => {
    const { udp } = make()
    const { socket } = await open(udp)
    await assert.rejects(open(udp, socket.local), { name: 'SallyportError', code: 'BIND_FAILED' })
    await assert.rejects(open(udp, { family: 4, ip: '203.0.113.7', port: 0 }), { code: 'BIND_FAILED' })
    await socket.close()
  })

  it('is deaf and its port free after close, which may be called again', async () => {
    const { udp, pass } = make()
    const a = await open(udp)
    const b = await open(udp)
    a.socket.send(Uint8Array.of(1), b.socket.local, nothing)
    await Promise.all([b.socket.close(), b.socket.close()])
    await pass()
    assert.equal(b.received.length, 0)
    const again = await open(udp, b.socket.local)
    await again.socket.close()
    await a.socket.close()
  })

  it('counts kernel drops as a number, or says that it cannot', async () => {
    const { udp } = make()
    const { socket } = await open(udp)
    assert.ok([0, null].includes(socket.kernelDrops()))
    await socket.close()
  })
}
