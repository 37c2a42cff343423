// Each rule of RFC 8446 about pre-shared keys that an end can break, with the alert by which the other answers it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { concat } from '../../../src/core/bytes.ts'
import { AGAINST_QUIC, ALERT } from '../../../src/core/tls/alerts.ts'
import { TlsClient } from '../../../src/core/tls/client.ts'
import {
  decodeKeyShares,
  encodeCode,
  encodeKeyShare,
  EXTENSION,
  writeExtensions,
} from '../../../src/core/tls/extensions.ts'
import { decodeClientHello, encodeClientHello, encodeServerHello } from '../../../src/core/tls/hello.ts'
import { encodeCertificateRequest, encodeMessage, MESSAGE } from '../../../src/core/tls/messages.ts'
import {
  decodeOfferedKeys,
  decodeSessionTicket,
  encodeSessionTicket,
  takesPskWithExchange,
} from '../../../src/core/tls/pre-shared-key.ts'
import { TlsServer } from '../../../src/core/tls/server.ts'
import type { TlsConfig, TlsOutput } from '../../../src/core/tls/session.ts'
import {
  alertOf,
  alice,
  bob,
  changed,
  configOf,
  converse,
  crypto,
  drain,
  messagesOf,
  type Minutes,
  sentAt,
} from './conversation.ts'
import { Box, dialling, accepting, meet, sessionWith } from './visits.ts'

describe('a server', () => {
  const box = new Box()
  const session = sessionWith(box)

  it('refuses who has the ticket and not its secret', () => {
    const stolen = { ...session, secret: new Uint8Array(32) }
    const { server } = converse(dialling({ resume: { session: stolen, ageMs: 5 } }), accepting(box))
    assert.equal(alertOf(server), ALERT.decryptError)
    assert.equal(server.length, 1)
  })

  it('refuses a hello with a ticket of which any other byte was changed', () => {
    const hello = sentAt(drain(new TlsClient(dialling({ resume: { session, ageMs: 5 } }))), 'initial')
    fc.assert(
      fc.property(fc.integer({ min: 6, max: hello.length - 1 }), (at) => {
        const altered = Uint8Array.from(hello)
        altered[at]! ^= 1
        const server = new TlsServer(accepting(box))
        server.receive('initial', altered)
        const outputs = drain(server)
        // A ticket that does not open is refused in silence; everything else that can be read is bound.
        if (alertOf(outputs) === null) assert.ok(!outputs.some(({ kind }) => kind === 'resumed'))
      }),
      { numRuns: 300 },
    )
  })

  const offered = (body: Uint8Array, modes: Uint8Array = Uint8Array.of(1, 1)): Minutes['server'] => {
    const client = new TlsClient(dialling())
    const hello = decodeClientHello(sentAt(drain(client), 'initial').subarray(4))
    assert.ok('extensions' in hello)
    const extensions = changed(hello.extensions, { [EXTENSION.pskKeyExchangeModes]: modes })
    const server = new TlsServer(accepting(box))
    server.receive(
      'initial',
      encodeClientHello({
        random: hello.random,
        suites: hello.suites,
        extensions: [...extensions, [EXTENSION.preSharedKey, body]],
      }),
    )
    return drain(server)
  }
  const keys = (tickets: readonly Uint8Array[], binders: readonly Uint8Array[]): Uint8Array => {
    const identities = tickets.map((ticket) => concat(encodeCode(ticket.length), ticket, new Uint8Array(4)))
    const proofs = binders.map((binder) => concat(Uint8Array.of(binder.length), binder))
    const [one, two] = [concat(...identities), concat(...proofs)]
    return concat(encodeCode(one.length), one, encodeCode(two.length), two)
  }

  it('refuses offers that break their grammar', () => {
    const ticket = new Uint8Array(20)
    const binder = new Uint8Array(32)
    assert.equal(alertOf(offered(keys([ticket], [binder]))), null)
    for (const body of [
      new Uint8Array(0),
      keys([], []),
      keys([ticket], []),
      keys([ticket], [binder, binder]),
      keys([new Uint8Array(0)], [binder]),
      keys([ticket], [binder.subarray(1)]),
      keys(Array(17).fill(ticket), Array(17).fill(binder)),
      concat(keys([ticket], [binder]), Uint8Array.of(0)),
    ]) {
      assert.equal(alertOf(offered(body)), ALERT.decodeError)
    }
    assert.equal(alertOf(offered(keys([ticket], [binder]), Uint8Array.of(0))), ALERT.decodeError)
  })

  it('takes up no key without a fresh exchange', () => {
    const looks = box.opened.length
    assert.equal(alertOf(offered(keys([session.ticket], [new Uint8Array(32)]), Uint8Array.of(1, 0))), null)
    assert.equal(box.opened.length, looks)
  })

  it('looks at two tickets of a hello at the most', () => {
    const looks = box.opened.length
    assert.equal(alertOf(offered(keys(Array(9).fill(new Uint8Array(20)), Array(9).fill(new Uint8Array(32))))), null)
    assert.equal(box.opened.length, looks + 2)
  })

  it('issues one ticket for a handshake, and none before it is complete or without a key to seal with', () => {
    const { minutes } = meet(dialling(), accepting(new Box()))
    assert.equal(messagesOf(sentAt(minutes.server, 'application')).length, 1)
    const early = new TlsServer(accepting(new Box()))
    early.issueTicket()
    assert.deepEqual(drain(early), [])
    assert.equal(meet(dialling(), configOf(bob)).session, undefined)
  })
})

describe('a client', () => {
  const box = new Box()
  const session = sessionWith(box)

  /** A ServerHello that takes up what was offered, or says so. */
  const answered = (
    index: Uint8Array,
    suite: 0x1301 | 0x1302,
    changes: Partial<TlsConfig> = {},
  ): ReturnType<typeof alertOf> => {
    const client = new TlsClient(dialling({ resume: { session, ageMs: 5 }, suites: [0x1301, 0x1302], ...changes }))
    const hello = decodeClientHello(sentAt(drain(client), 'initial').subarray(4))
    assert.ok('extensions' in hello)
    const [entry] = decodeKeyShares(hello.extensions.get(EXTENSION.keyShare)!) ?? []
    const { share } = crypto.encapsulate(0x11ec, entry!.share)!
    client.receive(
      'initial',
      encodeServerHello({
        random: new Uint8Array(32),
        suite,
        extensions: [
          [EXTENSION.supportedVersions, encodeCode(0x0304)],
          [EXTENSION.keyShare, encodeKeyShare({ group: 0x11ec, share })],
          [EXTENSION.preSharedKey, index],
        ],
      }),
    )
    return alertOf(drain(client))
  }

  it('refuses a server that takes up what it did not offer, or with another hash', () => {
    assert.equal(answered(encodeCode(0), 0x1301), null)
    assert.equal(answered(encodeCode(1), 0x1301), ALERT.illegalParameter)
    assert.equal(answered(Uint8Array.of(0), 0x1301), ALERT.decodeError)
    assert.equal(answered(encodeCode(0), 0x1302), ALERT.illegalParameter)
    assert.equal(answered(encodeCode(0), 0x1301, { resume: { session, ageMs: -1 } }), ALERT.unsupportedExtension)
  })

  it('refuses a server whose Finished does not follow from the secret of the session', () => {
    const { client } = converse(dialling({ resume: { session, ageMs: 5 } }), accepting(box), {
      alter: (from, index, message) => (from === 'server' && index === 2 ? flipped(message) : message),
    })
    assert.equal(alertOf(client), ALERT.decryptError)
  })

  it('is asked nothing after the handshake, nor told that QUIC had early data of some size (RFC 9001 sections 4.4 and 4.6.1)', () => {
    const early = (body: readonly number[]): Uint8Array =>
      encodeMessage(MESSAGE.newSessionTicket, (writer) => {
        writer.put(
          encodeSessionTicket({ lifetime: 60, ageAdd: 1, nonce: Uint8Array.of(0), ticket: NONE }).subarray(4, -2),
        )
        writeExtensions(writer, [[42, Uint8Array.from(body)]])
      })
    for (const config of [dialling(), dialling({ keepsSessions: false })]) {
      for (const [message, alert] of [
        [encodeCertificateRequest([[EXTENSION.signatureAlgorithms, encodeCode(2)]]), AGAINST_QUIC],
        [early([255, 255, 255, 254]), AGAINST_QUIC],
        [early([]), AGAINST_QUIC],
        [early([255, 255, 255, 255]), null],
        // KeyUpdate (section 6).
        [encodeMessage(24, (writer) => writer.u8(0)), ALERT.unexpectedMessage],
      ] as const) {
        const client = completed(config)
        client.receive('application', message)
        assert.equal(alertOf(drain(client)), alert)
      }
    }
  })

  it('keeps no ticket so long that its next handshake would not fit, and comes back with none', () => {
    const ticketOf = (bytes: number): Uint8Array =>
      encodeSessionTicket({ lifetime: 60, ageAdd: 1, nonce: Uint8Array.of(0), ticket: new Uint8Array(bytes) })
    for (const [bytes, kept] of [
      [256, 1],
      [257, 0],
      [6500, 0],
    ] as const) {
      const client = completed()
      client.receive('application', ticketOf(bytes))
      assert.equal(drain(client).filter(({ kind }) => kind === 'session').length, kept, `${bytes} bytes`)
    }
    const long = { ...session, ticket: new Uint8Array(6500) }
    const { client } = converse(dialling({ resume: { session: long, ageMs: 5 } }), accepting(new Box()))
    assert.equal(client.at(-1)?.kind, 'complete')
    assert.ok(sentAt(client, 'initial').length < 2000)
  })

  it('refuses tickets that break their grammar, and keeps at most eight', () => {
    const ticket = { lifetime: 60, ageAdd: 1, nonce: Uint8Array.of(0), ticket: new Uint8Array(30) }
    const good = encodeSessionTicket(ticket)
    const after = (...messages: readonly Uint8Array[]): TlsOutput[] => {
      const client = completed()
      for (const message of messages) client.receive('application', message)
      return drain(client)
    }
    const [output] = after(good)
    assert.ok(output?.kind === 'session' && output.session.lifetimeMs === 60_000)
    assert.equal(after(...Array<Uint8Array>(20).fill(good)).length, 8)
    assert.deepEqual(after(encodeSessionTicket({ ...ticket, lifetime: 0 })), [])
    const [long] = after(encodeSessionTicket({ ...ticket, lifetime: 604_800 }))
    assert.ok(long?.kind === 'session' && long.session.lifetimeMs === 24 * 3_600_000)
    for (const [bad, alert] of [
      [encodeSessionTicket({ ...ticket, lifetime: 604_801 }), ALERT.illegalParameter],
      [encodeSessionTicket({ ...ticket, ticket: new Uint8Array(0) }), ALERT.decodeError],
      [encodeMessage(MESSAGE.newSessionTicket, (writer) => writer.put(good.subarray(4, -1))), ALERT.decodeError],
    ] as const) {
      assert.equal(alertOf(after(bad)), alert)
    }
  })
})

const flipped = (message: Uint8Array): Uint8Array => {
  const altered = Uint8Array.from(message)
  altered[10]! ^= 1
  return altered
}

const NONE = new Uint8Array(30)

/** A client that keeps sessions and has completed a handshake. */
const completed = (config = dialling()): TlsClient => {
  const client = new TlsClient(config)
  const server = new TlsServer(accepting(new Box()))
  for (let turn = 0; turn < 8; turn++) {
    for (const [session, peer, party] of [
      [client, server, alice],
      [server, client, bob],
    ] as const) {
      for (const output of drain(session)) {
        if (output.kind === 'send') peer.receive(output.level, output.bytes)
        if (output.kind === 'work') session.done(party.work(output.work))
      }
    }
  }
  return client
}

describe('codecs of pre-shared keys', () => {
  it('give a value or nothing for any bytes, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        decodeOfferedKeys(body)
        takesPskWithExchange(body)
        assert.equal(typeof decodeSessionTicket(body), 'object')
      }),
      { numRuns: 500 },
    )
  })
})
