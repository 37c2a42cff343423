// Joining through names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerAddress } from '../../src/core/address.ts'
import { parseDialAddress } from '../../src/core/named-address.ts'
import { resolveBootstrap } from '../../src/node/bootstrap.ts'
import { createNode } from '../../src/node/node.ts'
import { systemPorts } from '../../src/io/system.ts'
import { namesOf } from '../support/known-names.ts'

const PEER = 'a'.repeat(64)
const bootstrapOf = (...texts: string[]) => texts.map((text) => parseDialAddress(text) ?? assert.fail(text))
const placesOf = (addresses: readonly PeerAddress[]): string[] =>
  addresses.map(({ address, peerId }) => `${address.ip} ${address.port} ${peerId === null ? '-' : peerId.slice(0, 2)}`)

const table = {
  'many.example': Array.from({ length: 9 }, (_, i) => ({ family: 4 as const, ip: `192.0.2.${i + 1}` })),
  'six.example': [{ family: 6 as const, ip: '2001:db8::1' }],
  'bad.example': ['0.0.0.0', '224.0.0.1', '255.255.255.255'].map((ip) => ({ family: 4 as const, ip })),
}

test('a name becomes up to four addresses, with its port and peer, and addresses stay as they are', async () => {
  const bootstrap = bootstrapOf(
    '/ip4/198.51.100.1/udp/1/quic-v1',
    `/dns4/many.example/udp/2/quic-v1/p2p/${PEER}`,
    '/dns6/six.example/udp/3/quic-v1',
  )
  assert.deepEqual(placesOf(await resolveBootstrap(namesOf(table), bootstrap)), [
    '198.51.100.1 1 -',
    ...[1, 2, 3, 4].map((n) => `192.0.2.${n} 2 aa`),
    '2001:db8::1 3 -',
  ])
})

test('a name that fails is done without, unless there is nothing else', async () => {
  const names = namesOf(table)
  const some = bootstrapOf('/dns4/nobody.example/udp/1/quic-v1', '/dns6/six.example/udp/3/quic-v1')
  assert.deepEqual(placesOf(await resolveBootstrap(names, some)), ['2001:db8::1 3 -'])
  for (const text of [
    '/dns4/nobody.example/udp/1/quic-v1',
    '/dns4/six.example/udp/1/quic-v1',
    '/dns4/bad.example/udp/1/quic-v1',
  ])
    await assert.rejects(resolveBootstrap(names, bootstrapOf(text)), { code: 'NAME_NOT_FOUND' })
  assert.deepEqual(await resolveBootstrap(names, []), [])
})

test('no more than 32 names are asked for', async () => {
  const asked: string[] = []
  const texts = Array.from({ length: 50 }, (_, i) => `/dns4/n${i}.example/udp/1/quic-v1`)
  await assert.rejects(resolveBootstrap(namesOf({}, asked), bootstrapOf(...texts)), { code: 'NAME_NOT_FOUND' })
  assert.equal(asked.length, 32)
})

test('a node joins through a name, which is resolved when it joins', async () => {
  await using ports = await systemPorts()
  const listen = ['/ip4/127.0.0.1/udp/0/quic-v1']
  await using first = await createNode({ ports, listen, capability: 'node' })
  const port = first.transport.locals[0]?.port ?? assert.fail()
  const asked: string[] = []
  const names = namesOf({ 'first.example': [{ family: 4, ip: '127.0.0.1' }] }, asked)
  const bootstrap = [`/dns4/first.example/udp/${port}/quic-v1/p2p/${first.peerId}`]
  await using second = await createNode({ ports: { ...ports, names }, listen, bootstrap, capability: 'node' })
  assert.deepEqual(asked, [])
  assert.deepEqual(await second.join(), { peers: 1 })
  assert.deepEqual(asked, ['first.example'])
  await using wrong = await createNode({
    ports: { ...ports, names },
    listen,
    bootstrap: ['/dns4/x.example/udp/1/quic-v1'],
  })
  await assert.rejects(wrong.join(), { code: 'NAME_NOT_FOUND' })
})
