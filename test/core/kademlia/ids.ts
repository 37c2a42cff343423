// Ids and peers for the tests of the phonebook's parts.
import fc from 'fast-check'
import type { Address } from '../../../src/core/address.ts'
import type { PeerId } from '../../../src/core/ids.ts'
import { peerIdOf } from '../../../src/core/ids.ts'
import type { Ip } from '../../../src/core/ip.ts'
import type { Candidate } from '../../../src/core/kademlia/lookup.ts'

/** Any PeerId, evenly distributed. */
export const peerIds: fc.Arbitrary<PeerId> = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(peerIdOf)

/** PeerIds that often share many leading bits. */
export const crowdedIds: fc.Arbitrary<PeerId> = fc
  .tuple(fc.nat({ max: 31 }), fc.nat({ max: 255 }))
  .map(([at, byte]) => peerIdOf(new Uint8Array(32).fill(byte, at, at + 1)))

/** The distance as the definition has it. */
export const distance = (a: string, b: string): bigint => BigInt(`0x${a}`) ^ BigInt(`0x${b}`)

/** A distinct address for each number, in a neighbourhood of its own. */
export const placeOf = (n: number): Address => ({ family: 4, ip: `10.${n >> 8}.${n & 255}.1`, port: 9000 })

/** A peer that may be asked, of whom no address is known. */
export const candidate = (peerId: PeerId): Candidate => ({ peerId, addresses: [] })

/** An address for peers whose place does not matter. */
export const SOMEWHERE: Ip = { family: 4, ip: '127.0.0.1' }

/** Numbers from 0 up to 1 from a seed (mulberry32), so that a simulation can be replayed. */
export const seededNumbers = (seed: number): (() => number) => {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A random PeerId of such numbers. */
export const randomId = (next: () => number): PeerId =>
  peerIdOf(Uint8Array.from({ length: 32 }, () => Math.floor(next() * 256)))
