// Names, asked of a name server of the test's own on loopback.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { pbkdf2 } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { addressesIn } from '../../src/io/hosts-file.ts'
import { createNames } from '../../src/io/names.ts'

const sockets: Socket[] = []
after(() => {
  for (const socket of sockets) socket.close()
})

/** What the server says to a question: addresses as bytes, a code of RFC 1035 section 4.1.1, or nothing at all. */
type Say = readonly Uint8Array[] | 2 | 3 | null

/** A name server on loopback; returns its address and what it was asked, `name/type`. */
const server = async (say: (name: string, type: number) => Say): Promise<{ at: string; asked: string[] }> => {
  const socket = createSocket('udp4')
  sockets.push(socket)
  const asked: string[] = []
  socket.on('message', (query, from) => {
    let at = 12
    const labels: string[] = []
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.subarray(at + 1, at + 1 + length).toString())
      at += 1 + length
    }
    const question = query.subarray(12, at + 5)
    const type = query.readUInt16BE(at + 1)
    asked.push(`${labels.join('.')}/${type === 1 ? 'A' : 'AAAA'}`)
    const answer = say(labels.join('.'), type)
    if (answer === null) return
    const records = typeof answer === 'number' ? [] : answer
    const header = Buffer.from([
      query[0]!,
      query[1]!,
      0x81,
      0x80 | (typeof answer === 'number' ? answer : 0),
      0,
      1,
      0,
      records.length,
      0,
      0,
      0,
      0,
    ])
    const body = records.map((bytes) =>
      Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, bytes.length]), bytes]),
    )
    socket.send(Buffer.concat([header, question, ...body]), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return { at: `127.0.0.1:${socket.address().port}`, asked }
}

const V4 = Uint8Array.of(192, 0, 2, 7)
const V6 = Uint8Array.from([0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 7])
const NOBODY = (): [] => []

describe('names', () => {
  test('are asked of the name servers, by family', async () => {
    const { at, asked } = await server((_, type) => [type === 1 ? V4 : V6])
    const names = createNames({ servers: [at], hosts: NOBODY })
    assert.deepEqual(await names.resolve('node.example.org', { family: 4 }), [{ family: 4, ip: '192.0.2.7' }])
    assert.deepEqual(asked, ['node.example.org/A'])
    assert.deepEqual(await names.resolve('node.example.org', { family: 6 }), [{ family: 6, ip: '2001:db8::7' }])
    assert.equal((await names.resolve('Node.Example.org.')).length, 2)
  })

  test('that do not exist, or have no address of the kind, are not found', async () => {
    const { at } = await server((name, type) => (name.startsWith('none') ? 3 : type === 1 ? [V4] : []))
    const names = createNames({ servers: [at], hosts: NOBODY })
    await assert.rejects(names.resolve('none.example.org'), { code: 'NAME_NOT_FOUND' })
    await assert.rejects(names.resolve('four.example.org', { family: 6 }), { code: 'NAME_NOT_FOUND' })
    assert.equal((await names.resolve('four.example.org')).length, 1)
  })

  test('about which no server can say are another failure, and no server is waited for longer than allowed', async () => {
    const failing = await server(() => 2)
    const broken = createNames({ servers: [failing.at], hosts: NOBODY })
    await assert.rejects(broken.resolve('a.example.org', { family: 4 }), { code: 'NAME_UNRESOLVED' })
    const silent = await server(() => null)
    const names = createNames({ servers: [silent.at], hosts: NOBODY, timeoutMs: 100 })
    await assert.rejects(names.resolve('a.example.org'), { code: 'NAME_UNRESOLVED' })
    // Its waiting is over for good: as many again may be asked for as before.
    const all = Array.from({ length: 70 }, (_, i) => names.resolve(`n${i}.example.org`, { family: 4 }))
    const codes = (await Promise.allSettled(all)).map(
      (one) => one.status === 'rejected' && Reflect.get(one.reason as object, 'message'),
    )
    assert.equal(codes.filter((message) => /too many/.test(String(message))).length, 6)
    await assert.rejects(names.resolve('b.example.org', { family: 4 }), { message: /no name server said/ })
  })

  test('of this machine are asked of nobody', async () => {
    const { at, asked } = await server(() => [V4])
    const names = createNames({
      servers: [at],
      hosts: (host) => (host === 'here' ? [{ family: 4, ip: '192.0.2.9' }] : []),
    })
    assert.deepEqual(await names.resolve('localhost', { family: 4 }), [{ family: 4, ip: '127.0.0.1' }])
    assert.deepEqual((await names.resolve('a.localhost')).length, 2)
    assert.deepEqual(await names.resolve('here'), [{ family: 4, ip: '192.0.2.9' }])
    assert.deepEqual(asked, [])
  })

  test('are resolved while every thread of the pool is taken', async () => {
    const { at } = await server(() => [V4])
    const names = createNames({ servers: [at], hosts: NOBODY })
    let busy = 8
    for (let i = 0; i < 8; i++) pbkdf2('a', 'b', 2_000_000, 64, 'sha512', () => busy--)
    const file = readFile(import.meta.filename).then(() => busy)
    await names.resolve('a.example.org', { family: 4 })
    assert.equal(busy, 8, 'no job of the pool was waited for')
    assert.ok((await file) < 8, 'and what uses the pool does wait')
  })
})

test('a hosts file gives a name every address on its lines, comments and other names aside', () => {
  const text = '# 192.0.2.1 a\n127.0.0.1\tlocalhost here # a\n192.0.2.2 A b\r\n::1 a\nnot-an-ip a\n192.0.2.3 aa\n'
  assert.deepEqual(
    addressesIn(text, 'a').map(({ ip }) => ip),
    ['192.0.2.2', '::1'],
  )
  assert.deepEqual(addressesIn('', 'a'), [])
})
