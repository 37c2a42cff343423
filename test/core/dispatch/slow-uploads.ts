// Many hosts that upload slowly to one node at once, in virtual time, each from a region of its own; whoever is refused or given up begins
// again a second later. Run as a program it prints how many of their messages end.
import assert from 'node:assert/strict'
import { addressOf } from '../../../src/core/address.ts'
import { Room, Stay, type Tenant } from '../../../src/core/dispatch/room.ts'
import { Usage } from '../../../src/core/dispatch/usage.ts'
import { LIMITS } from '../../../src/node/options.ts'
import { SeededRandom } from '../../support/seeded-random.ts'
import { peer } from './peers.ts'

/** So many hosts, each with one message of so many bytes after another. */
export interface Crowd {
  readonly hosts: number
  readonly bytes: number
  readonly bytesPerSecond: number
  readonly seconds: number
}

/** How they fared: messages that ended, calls that were told busy, and hosts none of whose messages ended. */
export interface Fate {
  readonly ended: number
  readonly refused: number
  readonly starved: number
}

const STEP_MS = 100
const AGAIN_MS = 1000

class Uploader implements Tenant {
  readonly peerId
  readonly remote
  readonly mayGiveUp = true
  readonly stay = new Stay(this)
  readonly #room: Room
  #came = 0
  #againAt: number
  now = 0
  ended = 0
  refused = 0

  constructor(room: Room, n: number, firstAt: number) {
    this.#room = room
    this.peerId = peer(n % 256)
    this.remote = addressOf(`${10 + (n >> 8)}.${n & 255}.0.1`, 9000) ?? assert.fail(`${n} is too many`)
    this.#againAt = firstAt
  }

  step(now: number, { bytes, bytesPerSecond }: Crowd): void {
    this.now = now
    if (now < this.#againAt) return
    const piece = Math.min(bytes - this.#came, (bytesPerSecond * STEP_MS) / 1000)
    if (!this.#room.take(this.stay, piece, now)) return this.giveUp()
    this.#came += piece
    if (this.#came < bytes) return
    this.ended++
    this.#begin(now)
  }

  giveUp(): void {
    this.refused++
    this.#begin(this.now + AGAIN_MS)
  }

  #begin(at: number): void {
    this.#room.leave(this.stay, this.now)
    this.#came = 0
    this.#againAt = at
  }
}

/** Plays it for so many seconds, with the room that a node has by default. */
export const uploadSlowly = (crowd: Crowd): Fate => {
  const random = new SeededRandom(1)
  const { inboundBytesPerPeerMax, inboundBytesPerShardMax, inboundBytesMax, messageBytesMax, roomFullMs } = LIMITS
  const byteSeconds = (inboundBytesPerPeerMax * roomFullMs) / 1000
  const sizes = {
    bytesPerPeerMax: inboundBytesPerPeerMax,
    bytesPerShardMax: inboundBytesPerShardMax,
    bytesMax: inboundBytesMax,
    bytesPerStayMax: messageBytesMax,
  }
  const room = new Room(sizes, new Usage({ byteSeconds, isLoopbackTrusted: true }, random))
  const all = Array.from({ length: crowd.hosts }, (_, n) => new Uploader(room, n, 2000 * random.fraction()))
  for (let now = 0; now < crowd.seconds * 1000; now += STEP_MS) {
    for (const each of all) each.now = now
    const first = random.below(all.length)
    for (const each of [...all.slice(first), ...all.slice(0, first)]) each.step(now, crowd)
  }
  const sum = (of: (each: Uploader) => number): number => all.reduce((total, each) => total + of(each), 0)
  return {
    ended: sum(({ ended }) => ended),
    refused: sum(({ refused }) => refused),
    starved: sum(({ ended }) => (ended === 0 ? 1 : 0)),
  }
}

if (import.meta.main) {
  for (const [hosts, bytes] of [
    [40, 4 << 20],
    [60, 4 << 20],
    [80, 4 << 20],
    [100, 4 << 20],
    [200, 4 << 20],
    [200, 1 << 20],
  ] as const) {
    const { ended, refused, starved } = uploadSlowly({ hosts, bytes, bytesPerSecond: 50_000, seconds: 600 })
    const what = `${hosts} hosts, ${bytes >> 20} MiB each at 50 KB/s for 600 s`
    process.stdout.write(`${what}: ${ended} ended, ${refused} told busy, ${starved} hosts never served\n`)
  }
}
