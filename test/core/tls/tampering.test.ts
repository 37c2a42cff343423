// A handshake that somebody alters, and sessions that are fed garbage: an alert, never `complete` on what was altered, never a throw.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { TlsClient } from '../../../src/core/tls/client.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { Level, TlsOutput } from '../../../src/core/tls/session.ts'
import { alertOf, alice, bob, configOf, converse, drain, messagesOf, sentAt } from './conversation.ts'

const completed = (outputs: readonly TlsOutput[]): boolean => outputs.some(({ kind }) => kind === 'complete')

/** Messages in the order each side sends them, and those after which the client has nothing left to check. */
const MESSAGES = [
  { from: 'client', index: 0, name: 'ClientHello' },
  { from: 'server', index: 0, name: 'ServerHello' },
  { from: 'server', index: 1, name: 'EncryptedExtensions' },
  { from: 'server', index: 2, name: 'CertificateRequest' },
  { from: 'server', index: 3, name: 'server Certificate' },
  { from: 'server', index: 4, name: 'server CertificateVerify' },
  { from: 'server', index: 5, name: 'server Finished' },
  { from: 'client', index: 1, name: 'client Certificate' },
  { from: 'client', index: 2, name: 'client CertificateVerify' },
  { from: 'client', index: 3, name: 'client Finished' },
] as const

/** Alters one byte of one message (`at` below 4 in its header, otherwise in its body, wrapped around); says what both ends made of it. */
const alteredRun = ({ from, index }: (typeof MESSAGES)[number], at: number, xor: number) =>
  converse(configOf(alice), configOf(bob), {
    alter: (side, nth, message) => {
      if (side !== from || nth !== index) return message
      const altered = Uint8Array.from(message)
      altered[at < 4 ? at : 4 + ((at - 4) % (altered.length - 4))]! ^= xor
      return altered
    },
  })

const assertRefused = (one: (typeof MESSAGES)[number], at: number, xor: number): void => {
  const { client, server } = alteredRun(one, at, xor)
  const what = `${one.name} byte ${at} xor ${xor}`
  assert.ok(!completed(server), what)
  const isLastFlight = one.from === 'client' && one.index > 0
  assert.equal(completed(client), isLastFlight, what)
  // A length that grew leaves the receiver waiting for bytes that never come: the deadline of the connection ends that.
  const isLength = at >= 1 && at <= 3
  if (!isLength) assert.notEqual(alertOf(isLastFlight ? server : [...client, ...server]), null, what)
}

describe('an altered handshake', () => {
  for (const one of MESSAGES) {
    it(`is refused for each of the first bytes of ${one.name}`, () => {
      const [size] = [converse(configOf(alice), configOf(bob))].map(
        (minutes) =>
          messagesOf(Buffer.concat([sentAt(minutes[one.from], 'initial'), sentAt(minutes[one.from], 'handshake')]))[
            one.index
          ]!.length,
      )
      for (let at = 0; at < Math.min(size!, 24); at++) assertRefused(one, at, 1)
    })

    it(`is refused for any byte of ${one.name}`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 4, max: 5000 }), fc.integer({ min: 1, max: 255 }), (at, xor) =>
          assertRefused(one, at, xor),
        ),
        { numRuns: 30 },
      )
    })
  }

  it('is refused when a message is left out, doubled or replaced by another', () => {
    const change = fc.constantFrom('drop', 'double', 'swap')
    fc.assert(
      fc.property(fc.constantFrom(...MESSAGES), change, (one, change) => {
        let before: Uint8Array = new Uint8Array(0)
        const { server } = converse(configOf(alice), configOf(bob), {
          alter: (side, nth, message) => {
            if (side !== one.from) return message
            const previous = before
            before = message
            if (nth !== one.index) return message
            if (change === 'drop') return new Uint8Array(0)
            return change === 'double' ? Buffer.concat([message, message]) : previous
          },
        })
        const isLate = one.from === 'client' && one.index === 3 && change === 'double'
        if (!isLate) assert.ok(!completed(server), `${change} ${one.name}`)
      }),
      { numRuns: 60 },
    )
  })
})

describe('garbage', () => {
  const level = fc.constantFrom<Level>('initial', 'handshake', 'application')
  const pieces = fc.array(fc.tuple(level, fc.uint8Array({ maxLength: 300 })), { maxLength: 12 })

  it('never makes a session throw or complete, whatever was said before', () => {
    const honest = converse(configOf(alice), configOf(bob))
    const flights = { client: honest.server, server: honest.client }
    fc.assert(
      fc.property(fc.boolean(), fc.nat(4), pieces, (isClient, prefix, pieces) => {
        const session = isClient ? new TlsClient(configOf(alice)) : new TlsServer(configOf(bob))
        const said = flights[isClient ? 'client' : 'server'].filter((output) => output.kind === 'send').slice(0, prefix)
        for (const output of said) if (output.kind === 'send') session.receive(output.level, output.bytes)
        for (const [level, bytes] of pieces) session.receive(level, bytes)
        const outputs = drain(session)
        assert.ok(!completed(outputs))
        alertOf(outputs)
      }),
      { numRuns: 400 },
    )
  })

  it('is bounded: a peer that sends on and on is refused after 8.5 KiB', () => {
    for (const session of [new TlsClient(configOf(alice)), new TlsServer(configOf(bob))]) {
      drain(session)
      // A ClientHello or ServerHello that never ends, in small pieces; then one message after another.
      session.receive('initial', Uint8Array.of(session instanceof TlsClient ? 2 : 1, 0, 0x20, 0))
      let sent = 4
      let outputs: TlsOutput[] = []
      while (outputs.length === 0 && sent < 20_000) {
        session.receive('initial', new Uint8Array(100))
        sent += 100
        outputs = drain(session)
      }
      assert.notEqual(alertOf(outputs), null)
      assert.ok(sent <= 9400, `${sent} bytes`)
    }
  })

  it('after an alert changes nothing', () => {
    const server = new TlsServer(configOf(bob))
    server.receive('initial', Uint8Array.of(2, 0, 0, 0))
    assert.equal(alertOf(drain(server)), 10)
    server.receive('initial', sentAt(drain(new TlsClient(configOf(alice))), 'initial'))
    server.done({ id: 1, kind: 'sign', signature: new Uint8Array(3309) })
    assert.deepEqual(drain(server), [])
  })
})
