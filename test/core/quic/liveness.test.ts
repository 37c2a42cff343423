// Everything ends: many streams both ways through bursts of loss, with resets, slow readers and small windows, for many seeds.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StreamId } from '../../../src/core/ids.ts'
import { growthBudget } from '../../../src/core/quic/flow-control.ts'
import { TRANSPORT_DEFAULTS, type TransportSettings } from '../../../src/core/quic/settings.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { type End, Pair } from './pair.ts'

/** Seeds tried; `QUIC_SEEDS` in the environment asks for more. */
const SEEDS = Number(process.env['QUIC_SEEDS'] ?? 40)
const STREAMS = 24

/** Loss in bursts for half a minute: good and bad times alternate, and in bad ones most datagrams are lost. Then it is fair. */
const bursts = (pair: Pair, seed: number): void => {
  const random = new SeededRandom(seed + 1_000_000)
  const end = pair.now + 30_000
  let bad = false
  pair.filter = () => {
    if (random.fraction() < (bad ? 0.2 : 0.05)) bad = !bad
    return random.fraction() >= (bad && pair.now < end ? 0.8 : 0.05)
  }
}

const SMALL: TransportSettings = {
  ...TRANSPORT_DEFAULTS,
  idleTimeoutMs: 600_000,
  dataBytes: { initial: 40_000, max: 80_000 },
  streamBytes: { initial: 5000, max: 10_000 },
  bidirectionalStreams: 4,
  unidirectionalStreams: 3,
  requestStreams: 4,
  growth: growthBudget(1 << 20),
}

/** One end's application: opens streams one after another, answers what it gets, resets or stops some of it. */
class Application {
  readonly end: End
  readonly #pair: Pair
  readonly #random: SeededRandom
  readonly #waiting = new Set<StreamId>()
  opened = 0
  /** Streams of ours whose sending half ended in whatever way. */
  readonly over = new Set<StreamId>()
  readonly #open = new Set<StreamId>()

  constructor(pair: Pair, end: End, seed: number) {
    this.#pair = pair
    this.end = end
    this.#random = new SeededRandom(seed)
    end.autoRead = false
    end.onOutput = (output) => {
      if (output.kind === 'established' || output.kind === 'streams-available') this.#openMore()
      if (output.kind === 'stream-opened' && output.bidirectional) this.#write(output.stream)
      if (output.kind === 'stream-readable') this.#readable(output.stream)
      if (output.kind === 'stream-acknowledged' || output.kind === 'stream-stopped') this.over.add(output.stream)
    }
  }

  get done(): boolean {
    return this.opened === STREAMS && [...this.#open].every((stream) => this.over.has(stream))
  }

  /** The slow reader wakes up. */
  tick(): void {
    for (const stream of this.#waiting) this.#drain(stream)
    this.#waiting.clear()
    this.#openMore()
    this.#pair.flush(this.end)
  }

  #openMore(): void {
    while (this.opened < STREAMS) {
      const stream = this.end.live.open(this.#random.fraction() < 0.7)
      if (stream === null) return
      this.opened++
      this.#open.add(stream)
      this.#write(stream)
      if (this.#random.fraction() < 0.15) this.#reset(stream)
    }
  }

  #write(stream: StreamId): void {
    if (this.#random.fraction() < 0.1) this.#reset(stream)
    else this.end.send(stream, new Uint8Array(this.#random.below(20_000)).fill(stream))
  }

  #reset(stream: StreamId): void {
    this.end.live.reset(stream, 1)
    this.over.add(stream)
  }

  #readable(stream: StreamId): void {
    if (this.#random.fraction() < 0.1) this.end.live.stop(stream, 2)
    else if (this.#random.fraction() < 0.3) this.#waiting.add(stream)
    else this.#drain(stream)
  }

  #drain(stream: StreamId): void {
    for (let bytes = this.end.live.read(stream); bytes !== null; bytes = this.end.live.read(stream)) {
      assert.ok(bytes.every((byte) => byte === (stream & 0xff)))
    }
  }
}

const play = (seed: number, transport: TransportSettings): void => {
  const pair = new Pair({ seed, transport, weather: { loss: 0, duplication: 0.05, reordering: 0.2, latencyMs: 10 } })
  bursts(pair, seed)
  const ends = [pair.client, pair.server].map((end, i) => new Application(pair, end, 2 * seed + i))
  const deadline = pair.now + 500_000
  while (!ends.every((end) => end.done) && pair.now < deadline) {
    pair.run(() => ends.every((end) => end.done), 50)
    for (const application of ends) if (application.end.connection !== null) application.tick()
  }
  const state = ends.map(({ end, opened, over }) => ({ opened, over: over.size, closed: end.closed }))
  assert.ok(
    ends.every((end) => end.done),
    `seed ${seed}: ${JSON.stringify(state)}`,
  )
  for (const { end } of ends) assert.equal(end.log.filter((output) => output.kind === 'established').length, 1)
  pair.filter = () => true
  pair.client.live.close(0, '', pair.now)
  pair.flush(pair.client)
  assert.ok(
    pair.run(() => pair.client.has('gone') && pair.server.has('gone'), 60_000),
    `seed ${seed} stays`,
  )
  for (const { end } of ends) {
    for (const kind of ['closed', 'gone'] as const) {
      assert.equal(end.log.filter((output) => output.kind === kind).length, 1)
    }
    assert.equal(end.log.at(-1)?.kind, 'gone')
  }
}

describe('many streams through bursts of loss', () => {
  it(`all end, for ${SEEDS} seeds`, () => {
    for (let seed = 0; seed < SEEDS; seed++) play(seed, { ...TRANSPORT_DEFAULTS, idleTimeoutMs: 600_000 })
  })

  it(`all end in small windows, for ${SEEDS} seeds`, () => {
    const budget = SMALL.growth
    for (let seed = 0; seed < SEEDS; seed++) play(seed, SMALL)
    assert.ok(budget.take(1 << 20), 'windows gave back what they grew by')
  })
})

describe('a client whose server is done with the handshake, and cannot be heard', () => {
  it('says again what it said behind the handshake, too: nothing else can be read there any more', () => {
    const pair = new Pair({ transport: { ...TRANSPORT_DEFAULTS, idleTimeoutMs: 600_000 } })
    pair.filter = (_bytes, from) => from === pair.client || !pair.client.has('established')
    pair.establish()
    const stream = pair.client.live.open(false)!
    const { filter } = pair
    pair.filter = () => false
    pair.client.send(stream, new Uint8Array(500))
    pair.flush(pair.client)
    pair.filter = filter
    assert.ok(pair.run(() => pair.server.received(stream).length === 500, 2000))
  })
})
