// Datagrams of a real exchange, replayed, reordered, cut, joined and bent: neither end throws, sends without end, or spins its timer.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { ConnectionOutput } from '../../../src/core/quic/outputs.ts'
import { ForgedPair } from './forge.ts'
import { type End } from './pair.ts'

/** How far an exchange goes before the tampering starts, in datagrams. */
const STAGES = 40

const tampering = fc.record({
  op: fc.constantFrom('replay', 'flip', 'cut', 'join', 'noise', 'swap-first-byte', 'timer', 'forge'),
  pick: fc.nat(1000),
  at: fc.nat(1500),
  value: fc.integer({ min: 1, max: 255 }),
  noise: fc.uint8Array({ minLength: 1, maxLength: 200 }),
})

interface Recorded {
  readonly from: End
  readonly bytes: Uint8Array
}

/** Once each, and in this order. */
const checkEnding = (log: readonly ConnectionOutput[]): void => {
  const kinds = log.map((output) => output.kind)
  for (const kind of ['established', 'closed', 'gone'] as const) {
    assert.ok(kinds.filter((each) => each === kind).length <= 1, kind)
  }
  const gone = kinds.indexOf('gone')
  if (gone < 0) return
  assert.equal(gone, kinds.length - 1)
  assert.ok(kinds.includes('closed'))
}

const bent = (step: { op: string; at: number; value: number; noise: Uint8Array }, one: Recorded, two: Recorded) => {
  const bytes = one.bytes.slice()
  switch (step.op) {
    case 'flip':
      bytes[step.at % bytes.length]! ^= step.value
      return bytes
    case 'swap-first-byte':
      bytes[0] = step.value
      return bytes
    case 'cut':
      return bytes.slice(0, step.at % bytes.length)
    case 'join':
      return new Uint8Array(Buffer.concat([bytes, two.bytes]))
    case 'noise':
      return step.noise.slice()
    default:
      return bytes
  }
}

/** Runs an exchange for `stage` datagrams, and returns it with everything that was sent. */
const recorded = (stage: number, seed: number): { pair: ForgedPair; sent: Recorded[] } => {
  const pair = new ForgedPair({ seed })
  const sent: Recorded[] = []
  pair.filter = (bytes, from) => {
    sent.push({ from, bytes: bytes.slice() })
    return true
  }
  pair.client.onOutput = (output) => {
    if (output.kind === 'established') pair.client.send(pair.client.live.open(true)!, new Uint8Array(20_000))
  }
  pair.server.onOutput = (output) => {
    if (output.kind === 'stream-opened') pair.server.send(output.stream, new Uint8Array(5000))
  }
  pair.run(() => pair.server.connection !== null && sent.length >= stage, 2000)
  return { pair, sent }
}

const SPACES = ['initial', 'handshake', 'application'] as const

describe('tampering', () => {
  it('is ignored or ends the connection, at every stage of it', () => {
    fc.assert(
      fc.property(
        fc.nat(STAGES),
        fc.nat(100),
        fc.array(tampering, { minLength: 1, maxLength: 30 }),
        (stage, seed, steps) => {
          const { pair, sent } = recorded(stage, seed)
          for (const step of steps) {
            const one = sent[step.pick % sent.length]!
            const two = sent[(step.pick * 7 + step.at) % sent.length]!
            if (step.op === 'timer') pair.run(() => false, step.at)
            else if (step.op === 'forge') {
              const space = SPACES[step.value % 3]!
              // Only what the end has keys for can be forged.
              if (!pair.canForge(one.from, space)) continue
              pair.receive(one.from, pair.forge(one.from, { space, frames: step.noise, padTo: 1200 }))
            } else pair.receive(one.from, bent(step, one, two))
            pair.flush(pair.peerOf(one.from))
            pair.expectProgress(pair.peerOf(one.from))
          }
          pair.run(() => pair.client.has('gone') && pair.server.has('gone'), 100_000)
          assert.ok(pair.client.has('gone') && pair.server.has('gone'), 'idle connections end')
          checkEnding(pair.client.log)
          checkEnding(pair.server.log)
        },
      ),
      { numRuns: Number(process.env['QUIC_SEEDS'] ?? 100) },
    )
  })
})
