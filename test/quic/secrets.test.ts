import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QuicWorld } from './quic-world.ts'

const LINE =
  /^(?:CLIENT|SERVER)_(?:HANDSHAKE_TRAFFIC_SECRET|TRAFFIC_SECRET_0) [0-9a-f]{64} [0-9a-f]{64,96}$|^EXPORTER_SECRET /

test('a key log has the same lines at both ends, and nobody is told without one', async () => {
  const world = await QuicWorld.make()
  const [ours, theirs]: [string[], string[]] = [[], []]
  const first = await world.pair({
    client: { keyLog: (line) => ours.push(line) },
    server: { keyLog: (line) => theirs.push(line) },
  })
  assert.equal(ours.length, 5)
  assert.ok(
    ours.every((line) => LINE.test(line)),
    ours.join('\n'),
  )
  assert.deepEqual([...ours].sort(), [...theirs].sort())
  await world.run(first.listener.close())
  const second = await world.pair()
  assert.equal(ours.length + theirs.length, 10)
  await world.run(second.listener.close())
})

test('keying material is the same at both ends, and another for every label, context and length', async () => {
  const world = await QuicWorld.make()
  const { listener, client, server } = await world.pair()
  const context = Uint8Array.of(1, 2)
  const asked: [string, number, Uint8Array?][] = [
    ['a', 32],
    ['b', 32],
    ['a', 48],
    ['a', 32, context],
  ]
  const texts = asked.map((each) => Buffer.from(client.exportKeyingMaterial(...each)).toString('hex'))
  assert.deepEqual(
    texts,
    asked.map((each) => Buffer.from(server.exportKeyingMaterial(...each)).toString('hex')),
  )
  assert.equal(new Set(texts).size, asked.length)
  for (const [label, length] of [
    ['', 32],
    ['a', 0],
    ['a', 8161],
    ['ä', 32],
  ] as const) {
    assert.throws(() => client.exportKeyingMaterial(label, length), { code: 'ARGUMENT_INVALID' })
  }
  assert.equal(client.exportKeyingMaterial('a', 8160).length, 8160)
  await world.run(listener.close())
})
