// Whole connections on a network of the test's own, with packets mutated under the true keys, as a hostile peer could, or datagrams mutated
// on their way, as anybody could. Whoever has no keys can change nothing: the transfer goes on and the bytes are right.
import assert from 'node:assert/strict'
import { concat, sameBytes, Writer } from '../../src/core/bytes.ts'
import type { StreamId } from '../../src/core/ids.ts'
import type { Crypto, PacketKey } from '../../src/core/ports.ts'
import { type Frame, writeFrame } from '../../src/core/quic/frames.ts'
import { growthBudget } from '../../src/core/quic/flow-control.ts'
import type { CloseReason } from '../../src/core/quic/outputs.ts'
import { TRANSPORT_DEFAULTS } from '../../src/core/quic/settings.ts'
import { crypto, type End, FAIR, FOUL, Pair } from '../core/quic/pair.ts'
import { drawEdits, type Edit, mutated } from '../support/mutation.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { type Bend, bent, drawBends } from './bent-frames.ts'
import { FRAMES, framesOf } from './quic-codecs.ts'
import { target } from './target.ts'

type Side = 'client' | 'server'

/** What is done to the `nth` packet or datagram that a side sends, and to each `every`th behind it (0: to none). */
type Step = {
  readonly side: Side
  readonly nth: number
  readonly every: number
  readonly edits: readonly Edit[]
  /** Of packets: what frames say is changed before the bytes are. */
  readonly bends: readonly Bend[]
  /** Of datagrams: the one that was sent comes, too. */
  readonly both: boolean
}

type Input = {
  readonly seed: number
  readonly foul: boolean
  /** Small windows and few streams, so that limits are met. */
  readonly narrow: boolean
  /** Nothing that is received is read. */
  readonly unread: boolean
  /** Applied in turn. */
  readonly steps: readonly Step[]
}

const drawInput = (random: SeededRandom): Input => ({
  seed: random.below(1_000_000),
  foul: random.below(4) === 0,
  narrow: random.below(2) === 0,
  unread: random.below(6) === 0,
  steps: Array.from({ length: 1 + random.below(4) }, () => ({
    side: random.below(2) === 0 ? 'client' : 'server',
    nth: random.below(random.below(2) === 0 ? 12 : 120),
    every: random.below(3) === 0 ? 1 + random.below(10) : 0,
    ...(random.below(3) === 0 ? { edits: drawEdits(random), bends: [] } : { edits: [], bends: drawBends(random) }),
    both: random.below(2) === 0,
  })),
})

const meets = ({ nth, every }: Step, count: number): boolean =>
  count === nth || (every > 0 && count > nth && (count - nth) % every === 0)

// ── what is transferred ──

const REQUEST_BYTES = 30_000
const RESPONSE_BYTES = 12_000

/** What stands at an offset of a stream; both directions of one stream are different. */
const patternOf = (from: Side, stream: number, { offset, length }: { offset: number; length: number }): Uint8Array => {
  const salt = stream * 31 + (from === 'client' ? 7 : 113)
  return Uint8Array.from({ length }, (_, i) => (salt + (offset + i) * 17 + ((offset + i) >> 8)) & 0xff)
}

const wholeOf = (from: Side, stream: number, length: number): Uint8Array =>
  patternOf(from, stream, { offset: 0, length })

/** Whether frames say nothing of a stream but what its sender would have said sometime. */
const isTrue = (frames: readonly Frame[], from: Side): boolean =>
  frames.every((frame) => {
    if (frame.type === 'reset-stream') return false
    if (frame.type !== 'stream') return true
    const { stream, offset, data, fin } = frame
    const size = (stream & 1) === (from === 'client' ? 0 : 1) ? REQUEST_BYTES : RESPONSE_BYTES
    if (offset + data.length > size || (fin && offset + data.length !== size)) return false
    return sameBytes(data, patternOf(from, stream, { offset, length: data.length }))
  })

/** Two requests, one of which is answered, and a message each way. */
class Transfer extends Pair {
  readonly requests: StreamId[] = []
  readonly messages: StreamId[] = []

  begin(): void {
    this.client.onOutput = (output) => {
      if (output.kind === 'established') {
        for (const bidirectional of [true, false, true]) this.#send(this.client, bidirectional)
        this.client.live.prioritise(this.requests[0]!)
      }
      if (output.kind === 'peer-hears') this.client.live.updateKeys()
    }
    this.server.onOutput = (output) => {
      if (output.kind === 'established') {
        this.#send(this.server, false)
        this.server.live.sendToken(new Uint8Array(40).fill(3))
      }
      if (output.kind === 'stream-opened' && output.bidirectional) {
        this.server.send(output.stream, wholeOf('server', output.stream, RESPONSE_BYTES))
      }
    }
  }

  get isDone(): boolean {
    const { client, server } = this
    return (
      this.requests.length > 0 &&
      this.requests.every(
        (id) => client.received(id).length === RESPONSE_BYTES && server.received(id).length === REQUEST_BYTES,
      ) &&
      this.messages.every((id) => ((id & 1) === 0 ? server : client).received(id).length === REQUEST_BYTES)
    )
  }

  /** Whether what was received, as far as it came, is what was sent. */
  get isRight(): boolean {
    return (['client', 'server'] as const).every((from) =>
      [...(from === 'client' ? this.server : this.client).inbox].every(([stream, pieces]) => {
        const bytes = concat(...pieces)
        return sameBytes(bytes, wholeOf(from, stream, bytes.length))
      }),
    )
  }

  #send(end: End, bidirectional: boolean): void {
    const stream = end.live.open(bidirectional)
    if (stream === null) return
    ;(bidirectional ? this.requests : this.messages).push(stream)
    end.send(stream, wholeOf(end === this.client ? 'client' : 'server', stream, REQUEST_BYTES))
  }
}

const NARROW = {
  ...TRANSPORT_DEFAULTS,
  growth: growthBudget(1 << 18),
  dataBytes: { initial: 1 << 15, max: 1 << 17 },
  streamBytes: { initial: 1 << 12, max: 1 << 14 },
  bidirectionalStreams: 4,
  unidirectionalStreams: 3,
  requestStreams: 4,
  reservedBytes: 1 << 12,
  datagrams: { frameBytesMax: 1 << 10, heldMax: 4, heldBytesMax: 1 << 10 },
}

/** Virtual time for a transfer, and for a connection that is silent to be over, in ms. */
const TRANSFER_MS = 120_000
const OVER_MS = 200_000

const transferOf = ({ seed, foul, narrow }: Input, ends: { client?: Crypto; server?: Crypto } = {}): Transfer => {
  const part = (side: Side) => (ends[side] === undefined ? {} : { crypto: ends[side] })
  return new Transfer({
    seed,
    weather: foul ? FOUL : FAIR,
    ips: { client: '192.0.2.1', server: '198.51.100.1' },
    ...(narrow ? { transport: NARROW } : {}),
    client: part('client'),
    server: { ...part('server'), resetSecret: new Uint8Array(32).fill(9) },
  })
}

// ── what must hold ──

const INTERNAL_ERROR = 1
/** Transport codes of RFC 9000 section 20.1, and CRYPTO_ERROR with any alert. */
const isDocumented = (code: number): boolean => code <= 0x10 || (code >= 0x100 && code <= 0x1ff)

const endOf = (end: End): string => {
  const { closed } = end
  if (closed?.kind === 'transport' && closed.ours) {
    assert.ok(isDocumented(closed.code), `closed with ${closed.code}`)
    if (closed.code === INTERNAL_ERROR) assert.equal(closed.reason, 'a stream has too many gaps')
  }
  return closed === null ? 'open' : wordOf(closed)
}

const wordOf = (closed: CloseReason): string =>
  'code' in closed
    ? `${closed.kind} ${closed.ours ? 'ours' : 'theirs'} ${closed.kind === 'transport' && closed.ours ? closed.code : ''}`
    : closed.kind

/** Runs until `done` or both are gone; looks at the bounds of both ends after each step. */
const run = (pair: Transfer, done: () => boolean, ms: number): void => {
  pair.run(() => {
    pair.client.connection?.checkInvariants()
    pair.server.connection?.checkInvariants()
    return done() || (pair.client.has('gone') && pair.server.has('gone'))
  }, ms)
}

/** Nobody who goes quiet leaves anything behind: idle connections end, and each end is told once. */
const checkEnding = (pair: Transfer): void => {
  pair.client.connection?.close(0, '', pair.now)
  pair.flush(pair.client)
  const isGone = (end: End): boolean => end.connection === null || end.has('gone')
  pair.run(() => isGone(pair.client) && isGone(pair.server), OVER_MS)
  for (const end of [pair.client, pair.server]) {
    assert.ok(isGone(end), 'a connection that hears nothing ends')
    for (const kind of ['established', 'closed', 'gone'] as const) {
      assert.ok(end.log.filter((output) => output.kind === kind).length <= 1, `${kind} once`)
    }
  }
}

// ── packets, mutated under their keys ──

/** Frames of every type, to be spliced in. */
const PIECES: readonly Uint8Array[] = FRAMES.map((frame) => {
  const writer = new Writer()
  writer.put(new Uint8Array(200))
  writer.at = 0
  writeFrame(writer, frame)
  return writer.written().slice()
})

/** The cryptography of an end that mutates packets before it seals them. `saw` is told what became of a plaintext. */
const mutating = (steps: readonly Step[], saw: (after: Uint8Array) => void): Crypto => {
  let count = 0
  const recorded: Uint8Array[] = []
  const wrapped = (key: PacketKey): PacketKey => ({
    open: (...all) => key.open(...all),
    mask: (...all) => key.mask(...all),
    release: () => key.release(),
    seal: (buffer, header, start, end, packetNumber) => {
      const plaintext = buffer.subarray(start, end)
      if (recorded.length < 32) recorded.push(plaintext.slice())
      for (const step of steps) {
        if (!meets(step, count)) continue
        const said = bent(plaintext, step.bends)
        const after = mutated(said, step.edits, { donors: [...PIECES, ...recorded], max: plaintext.length })
        plaintext.fill(0)
        plaintext.set(after)
        saw(plaintext)
      }
      count++
      key.seal(buffer, header, start, end, packetNumber)
    },
  })
  return { ...crypto, packetKey: (...parts) => wrapped(crypto.packetKey(...parts)) }
}

const checkPackets = (input: Input): string => {
  let lies = 0
  const cryptoOf = (side: Side): Crypto =>
    mutating(
      input.steps.filter((step) => step.side === side),
      (after) => void (lies += isTrue(framesOf(after).frames, side) ? 0 : 1),
    )
  const pair = transferOf(input, { client: cryptoOf('client'), server: cryptoOf('server') })
  pair.begin()
  pair.client.autoRead = pair.server.autoRead = !input.unread
  run(pair, () => pair.isDone, TRANSFER_MS)
  if (lies === 0) assert.ok(pair.isRight, 'nobody lied, and the bytes are wrong')
  const word = `${endOf(pair.client)} / ${endOf(pair.server)} ${pair.isDone ? 'done' : ''}`
  checkEnding(pair)
  return word
}

export const packets = target<Input>({ name: 'packets', runs: 200, draw: drawInput, check: checkPackets })

// ── datagrams, mutated on their way ──

/** Kept of a side to be spliced in, and that all datagrams sent are mutated is no network any more. */
const RECORDED_MAX = 32
const MUTATED_MAX = 200

const checkDatagrams = (input: Input): string => {
  const pair = transferOf({ ...input, unread: false })
  pair.begin()
  const counts = { client: 0, server: 0 }
  const recorded: Uint8Array[] = []
  let mutations = 0
  pair.filter = (bytes, from) => {
    const side = from === pair.client ? 'client' : 'server'
    const count = counts[side]++
    if (recorded.length < RECORDED_MAX) recorded.push(bytes.slice())
    const to = pair.peerOf(from)
    // The first datagram makes a connection of a server; what else could is judged by a gate, which stands before it.
    const found = input.steps.filter((step) => step.side === side && meets(step, count))
    if (found.length === 0 || to.connection === null || mutations++ >= MUTATED_MAX) return true
    for (const { edits } of found) to.live.receive(mutated(bytes, edits, { donors: recorded }), from.address, pair.now)
    // With more of them lost than every third there is no network any more.
    return found.every(({ both, every }) => both || every === 1 || every === 2)
  }
  run(pair, () => pair.isDone, TRANSFER_MS)
  const word = `${endOf(pair.client)} / ${endOf(pair.server)}`
  // Version Negotiation is authenticated by nobody (RFC 9000 section 6.2), and a datagram can be mutated into one.
  if (pair.client.closed?.kind !== 'version') {
    assert.ok(pair.isDone, `what has no keys stopped a transfer: ${word}`)
    assert.ok(pair.isRight, 'the bytes are wrong')
  }
  checkEnding(pair)
  return word
}

export const datagrams = target<Input>({
  name: 'datagrams',
  runs: 50,
  draw: (random) => {
    const input = drawInput(random)
    return { ...input, steps: input.steps.map((step) => ({ ...step, edits: drawEdits(random), bends: [] })) }
  },
  check: checkDatagrams,
})
