// What sessions reveal of their secrets, and that they reveal nothing unless they are told to.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toHex } from '../../../src/core/bytes.ts'
import { exportKeys } from '../../../src/core/tls/key-schedule.ts'
import type { TlsConfig, TlsOutput } from '../../../src/core/tls/session.ts'
import { alice, bob, configOf, converse, crypto, type Minutes, sentAt } from './conversation.ts'

const talk = (changes: Partial<TlsConfig>): Minutes => converse(configOf(alice, changes), configOf(bob, changes))
const linesOf = (outputs: readonly TlsOutput[]): string[] =>
  outputs.flatMap((output) => (output.kind === 'key-log' ? [output.line] : []))
const exportersOf = (outputs: readonly TlsOutput[]): Uint8Array[] =>
  outputs.flatMap((output) => (output.kind === 'exporter' ? [output.secret] : []))

const secretOf = (outputs: readonly TlsOutput[], level: string, direction: string): string => {
  const found = outputs.find(
    (output) => output.kind === 'keys' && output.level === level && output.direction === direction,
  )
  assert.ok(found?.kind === 'keys')
  return toHex(found.secret)
}

describe('a session', () => {
  it('reveals nothing of its secrets by default', () => {
    const { client, server } = talk({})
    assert.deepEqual([...linesOf(client), ...linesOf(server), ...exportersOf(client), ...exportersOf(server)], [])
  })

  it('logs each secret by the random value of the ClientHello, the same at both ends', () => {
    const { client, server } = talk({ keyLog: true })
    const random = toHex(sentAt(client, 'initial').subarray(6, 38))
    const lines = linesOf(client)
    assert.deepEqual(lines.slice(0, 4), [
      `CLIENT_HANDSHAKE_TRAFFIC_SECRET ${random} ${secretOf(client, 'handshake', 'write')}`,
      `SERVER_HANDSHAKE_TRAFFIC_SECRET ${random} ${secretOf(client, 'handshake', 'read')}`,
      `CLIENT_TRAFFIC_SECRET_0 ${random} ${secretOf(client, 'application', 'write')}`,
      `SERVER_TRAFFIC_SECRET_0 ${random} ${secretOf(client, 'application', 'read')}`,
    ])
    assert.match(lines[4] ?? '', new RegExp(`^EXPORTER_SECRET ${random} [0-9a-f]{64}$`))
    assert.equal(lines.length, 5)
    assert.deepEqual(linesOf(server), lines)
    assert.deepEqual(exportersOf(client), [])
  })

  it('gives both ends the same exporter secret, which gives keys by label and context', () => {
    const { client, server } = talk({ exporter: true })
    const [secret, ...more] = exportersOf(client)
    assert.deepEqual(exportersOf(server), [secret])
    assert.deepEqual([...more, ...linesOf(client)], [])
    const of = (label: string, context: string, length = 32): string =>
      toHex(exportKeys(crypto, secret!, { label, context: Buffer.from(context), length }))
    assert.notEqual(of('a', ''), of('b', ''))
    assert.notEqual(of('a', 'x'), of('a', 'y'))
    assert.equal(of('a', 'x'), of('a', 'x'))
    assert.equal(of('a', 'x', 100).length, 200)
  })
})
