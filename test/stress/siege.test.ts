// The sieges of `npm run siege` on a scale that every run of the tests can bear, without measuring: who is honest gets in, whatever
// attacks, and what must always hold, holds. Times are for the program, ratios of quiet and loaded too.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SILENCES } from '../../src/siege/silence.ts'
import { crossingSuite } from '../siege/crossing.ts'
import { lockoutSuite, stormSuite, vanishSuite } from '../siege/crowds.ts'
import { openForSilence, silenceIn } from '../siege/silence.ts'

const acceptance = 'own'

/** Those that finish handshakes cost the most, and hold no slot of strangers that would have to be full. */
const SILENT = { 'half-open': 192, retry: 192, 'half-hello': 192, mute: 48, deaf: 48 } as const

// Two at a time: much of a siege is waiting for deadlines, and nothing is measured here.
describe('under siege', { concurrency: 2 }, () => {
  test('nothing is left of clients that connect and vanish', async () => {
    assert.deepEqual((await vanishSuite({ acceptance, times: 60, clients: 16, known: false })).missed, [])
  })

  test('honest clients of fresh prefixes are all identified beside every kind of silence from 16 prefixes', async () => {
    await using siege = await openForSilence(acceptance)
    for (const kind of SILENCES) {
      const plan = { acceptance, kind, silent: SILENT[kind], prefixes: 16, honest: 12, samples: 0, pairs: 1 } as const
      assert.deepEqual((await silenceIn(siege, plan)).missed, [])
    }
  })
})

test('peers that lose their process all come back at once, and are noticed to have restarted', async () => {
  assert.deepEqual((await stormSuite({ acceptance, peers: 30 })).missed, [])
})

test('two peers that dial each other at once are connected once, and each hears of the other once', async () => {
  assert.deepEqual((await crossingSuite({ rounds: 25 })).missed, [])
})

test('sources forged in the name of honest prefixes lock nobody of those out', async () => {
  assert.deepEqual((await lockoutSuite({ acceptance, victims: 2, forgedPerSecond: 400 })).missed, [])
})
