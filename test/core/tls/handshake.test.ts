// Whole handshakes between our two ends: what they agree on, in which order outputs come, and how large a flight is.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Group, Suite } from '../../../src/core/ports.ts'
import { TlsClient } from '../../../src/core/tls/client.ts'
import { MESSAGE } from '../../../src/core/tls/messages.ts'
import { encodeSessionTicket } from '../../../src/core/tls/pre-shared-key.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { TlsOutput } from '../../../src/core/tls/session.ts'
import { ALPN_BYTES_MAX, NODE_BOUNDS, TRANSPORT_PARAMETERS_BYTES_MAX } from '../../../src/core/tls/terms.ts'
import {
  alertOf,
  alice,
  bob,
  configOf,
  converse,
  drain,
  messagesOf,
  type Minutes,
  sentAt,
  TRANSPORT_PARAMETERS,
} from './conversation.ts'
import { accepting, Box, dialling, sessionWith } from './visits.ts'

const GROUPS: readonly Group[] = [0x11ec, 0x0201]

/** One line an output, such as `keys handshake read` or `send handshake 8,13,11` (message types). */
const outline = (outputs: readonly TlsOutput[]): string[] =>
  outputs.map((output) => {
    if (output.kind === 'keys') return `keys ${output.level} ${output.direction}`
    if (output.kind === 'work') return `${output.work.kind} ${output.work.id}`
    if (output.kind !== 'send') return output.kind
    return `send ${output.level} ${messagesOf(output.bytes)
      .map((message) => message[0])
      .join()}`
  })

const secretOf = (outputs: readonly TlsOutput[], name: string): Uint8Array => {
  const keys = outputs.flatMap((output) => (output.kind === 'keys' ? [output] : []))
  const found = keys.filter(({ level, direction }) => `${level} ${direction}` === name)
  assert.equal(found.length, 1, name)
  return found[0]!.secret
}

const assertAgreed = ({ client, server }: Minutes): void => {
  assert.equal(alertOf([...client, ...server]), null)
  for (const level of ['handshake', 'application']) {
    assert.deepEqual(secretOf(client, `${level} write`), secretOf(server, `${level} read`))
    assert.deepEqual(secretOf(client, `${level} read`), secretOf(server, `${level} write`))
  }
  const { peerId, publicKey } = bob
  assert.deepEqual(client.slice(-2), [
    { kind: 'peer', peerId, publicKey },
    { kind: 'complete', alpn: 'sallyport/1' },
  ])
  assert.deepEqual(server.slice(-2), [
    { kind: 'peer', peerId: alice.peerId, publicKey: alice.publicKey },
    { kind: 'complete', alpn: 'sallyport/1' },
  ])
}

describe('handshake', () => {
  for (const group of GROUPS) {
    const name = group.toString(16)

    it(`completes with group 0x${name} and proves both peers to each other`, () => {
      const minutes = converse(configOf(alice, { group, expectedPeer: bob.peerId }), configOf(bob))
      assertAgreed(minutes)
    })

    it(`completes with group 0x${name} however messages are split, joined and delayed`, () => {
      const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 4000 })), {
        minLength: 1,
      })
      const picks = fc.array(fc.nat(), { minLength: 1 })
      fc.assert(
        fc.property(sizes, picks, (sizes, picks) => {
          let cuts = 0
          let steps = 0
          const minutes = converse(configOf(alice, { group }), configOf(bob), {
            pick: (n) => picks[steps++ % picks.length]! % Math.max(n, 1),
            cut: (n) => Math.min(n, sizes[cuts++ % sizes.length]!),
          })
          assertAgreed(minutes)
        }),
        { numRuns: 40 },
      )
    })
  }

  for (const suite of [0x1301, 0x1302, 0x1303] as const) {
    it(`completes with suite 0x${suite.toString(16)}, whose hash is as long as the secrets`, () => {
      const suites = [suite] as const
      const minutes = converse(configOf(alice, { suites }), configOf(bob, { suites: [0x1301, 0x1302, 0x1303] }))
      assertAgreed(minutes)
      for (const output of [...minutes.client, ...minutes.server]) {
        if (output.kind !== 'keys') continue
        assert.equal(output.suite, suite)
        assert.equal(output.secret.length, suite === 0x1302 ? 48 : 32)
      }
    })
  }

  it("takes the first of the client's suites that the server has, and none that it has not", () => {
    const suiteOf = ({ client, server }: Minutes): unknown =>
      alertOf([...client, ...server]) ?? client.find((output) => output.kind === 'keys')?.suite
    const of = (offered: readonly Suite[], accepted: readonly Suite[]) =>
      suiteOf(converse(configOf(alice, { suites: offered }), configOf(bob, { suites: accepted })))
    assert.equal(of([0x1302, 0x1303, 0x1301], [0x1301, 0x1303]), 0x1303)
    assert.equal(of([0x1302, 0x1301], [0x1303]), 40)
    assert.equal(suiteOf(converse(configOf(alice, { suites: [0x1302] }), configOf(bob))), 40, 'nodes have no AES-256')
    assert.equal(suiteOf(converse(configOf(alice, { suites: [0x1303] }), configOf(bob))), 0x1303)
  })

  it('gives each handshake and each direction secrets of its own', () => {
    const first = converse(configOf(alice), configOf(bob))
    const second = converse(configOf(alice), configOf(bob))
    assert.notDeepEqual(secretOf(first.client, 'application read'), secretOf(second.client, 'application read'))
    assert.notDeepEqual(secretOf(first.client, 'application read'), secretOf(first.client, 'application write'))
  })

  it('puts outputs in the order QUIC needs them', () => {
    const { client, server } = converse(configOf(alice), configOf(bob))
    assert.deepEqual(outline(client), [
      'send initial 1',
      'keys handshake write',
      'keys handshake read',
      'transport-parameters',
      'verify 1',
      'sign 2',
      'send handshake 11,15,20',
      'keys application write',
      'keys application read',
      'peer',
      'complete',
    ])
    assert.deepEqual(outline(server), [
      'transport-parameters',
      'send initial 2',
      'keys handshake write',
      'keys handshake read',
      'send handshake 8,13,11',
      'sign 1',
      'send handshake 15,20',
      'keys application write',
      'verify 2',
      'keys application read',
      'peer',
      'complete',
    ])
  })

  it('gives each end the transport parameters of the other', () => {
    const ours = Uint8Array.of(1, 2, 3)
    const { client, server } = converse(configOf(alice, { transportParameters: ours }), configOf(bob))
    const bytes = (outputs: readonly TlsOutput[]) =>
      outputs.flatMap((output) => (output.kind === 'transport-parameters' ? [output.bytes] : []))
    assert.deepEqual(bytes(server), [ours])
    assert.deepEqual(bytes(client), [TRANSPORT_PARAMETERS])
  })

  it("agrees on the server's favourite of the protocols both have", () => {
    const { client, server } = converse(
      configOf(alice, { alpn: ['a', 'b', 'c'] }),
      configOf(bob, { alpn: ['d', 'c', 'b'] }),
    )
    assert.deepEqual(client.at(-1), { kind: 'complete', alpn: 'c' })
    assert.deepEqual(server.at(-1), { kind: 'complete', alpn: 'c' })
  })

  it('ignores session tickets after the handshake, in any pieces, and refuses anything else', () => {
    const { client } = complete()
    const ticket = encodeSessionTicket({ lifetime: 9, ageAdd: 1, nonce: Uint8Array.of(0), ticket: Uint8Array.of(1) })
    for (const byte of [...ticket, ...ticket]) client.receive('application', Uint8Array.of(byte))
    assert.deepEqual(drain(client), [])
    client.receive('application', Uint8Array.of(24, 0, 0, 1, 0))
    assert.equal(alertOf(drain(client)), 10)
  })

  it('refuses a key update and any other message to the server after the handshake', () => {
    for (const type of [24, MESSAGE.newSessionTicket, MESSAGE.certificate, MESSAGE.clientHello]) {
      const { server } = complete()
      server.receive('application', Uint8Array.of(type, 0, 0, 0))
      assert.equal(alertOf(drain(server)), 10)
    }
  })

  it('ignores results of work it did not ask for', () => {
    const client = new TlsClient(configOf(alice))
    client.done({ id: 1, kind: 'verify', valid: true })
    const server = new TlsServer(configOf(bob))
    server.receive('initial', sentAt(drain(client), 'initial'))
    drain(server)
    server.done({ id: 2, kind: 'sign', signature: new Uint8Array(3309) })
    server.done({ id: 1, kind: 'verify', valid: true })
    assert.deepEqual(drain(server), [])
  })

  it('ends with internal_error when its work cannot be done, or is done wrong', () => {
    const results = [
      { id: 1, kind: 'failed', reason: 'queue full' },
      { id: 1, kind: 'sign', signature: new Uint8Array(64) },
    ] as const
    for (const result of results) {
      const server = new TlsServer(configOf(bob))
      server.receive('initial', sentAt(drain(new TlsClient(configOf(alice))), 'initial'))
      drain(server)
      server.done(result)
      assert.equal(alertOf(drain(server)), 80)
    }
  })
})

describe("the server's first flight", () => {
  for (const [group, flightBytes] of [
    [0x11ec, 6652],
    [0x0201, 6620],
  ] as const) {
    it(`leaves up to Certificate before anything is signed, for group 0x${group.toString(16)}`, () => {
      const server = new TlsServer(configOf(bob))
      server.receive('initial', sentAt(drain(new TlsClient(configOf(alice, { group }))), 'initial'))
      const atOnce = drain(server)
      const [work] = atOnce.flatMap((output) => (output.kind === 'work' ? [output.work] : []))
      assert.deepEqual(types(sentAt(atOnce, 'initial')), [MESSAGE.serverHello])
      assert.deepEqual(types(sentAt(atOnce, 'handshake')), [
        MESSAGE.encryptedExtensions,
        MESSAGE.certificateRequest,
        MESSAGE.certificate,
      ])
      server.done(bob.work(work!))
      const later = drain(server)
      assert.deepEqual(types(sentAt(later, 'handshake')), [MESSAGE.certificateVerify, MESSAGE.finished])
      const bytes =
        sentAt(atOnce, 'initial').length + sentAt(atOnce, 'handshake').length + sentAt(later, 'handshake').length
      assert.ok(bytes <= flightBytes, `${bytes} bytes`)
    })
  }

  it('spends at most 150 bytes on EncryptedExtensions', () => {
    const { server } = converse(configOf(alice), configOf(bob))
    const [extensions] = messagesOf(sentAt(server, 'handshake'))
    assert.ok(extensions!.length <= 150, `${extensions!.length} bytes`)
  })
})

describe('what a handshake may hold', () => {
  it('is less than the transcript takes, even with the longest of our own messages', () => {
    const longest = {
      transportParameters: new Uint8Array(TRANSPORT_PARAMETERS_BYTES_MAX),
      alpn: ['x'.repeat(ALPN_BYTES_MAX - 1)],
    }
    const [own] = longest.alpn
    const session = { ...sessionWith(new Box()), alpn: own!, ticket: new Uint8Array(NODE_BOUNDS.ticketMax) }
    const coming = dialling({ ...longest, resume: { session, ageMs: 5 } })
    const { client, server } = converse(coming, accepting(new Box(), longest))
    assert.ok(sentAt(client, 'initial').length > 1818 + NODE_BOUNDS.ticketMax)
    for (const outputs of [client, server]) {
      assert.equal(outputs.at(-1)!.kind, 'complete')
      const sent = sentAt(outputs, 'initial').length + sentAt(outputs, 'handshake').length
      assert.ok(sent + NODE_BOUNDS.receivedMax <= NODE_BOUNDS.transcriptMax, `${sent} bytes sent`)
    }
  })
})

/** The first bytes of each message. */
const types = (bytes: Uint8Array): number[] => messagesOf(bytes).map((message) => message[0]!)

/** Two sessions that have completed a handshake. */
const complete = (): { client: TlsClient; server: TlsServer } => {
  const client = new TlsClient(configOf(alice))
  const server = new TlsServer(configOf(bob))
  const ends = [
    { session: client, peer: server, party: alice },
    { session: server, peer: client, party: bob },
  ]
  for (let turn = 0; turn < 8; turn++) {
    for (const { session, peer, party } of ends) {
      for (const output of drain(session)) {
        if (output.kind === 'send') peer.receive(output.level, output.bytes)
        if (output.kind === 'work') session.done(party.work(output.work))
      }
    }
  }
  return { client, server }
}
