// The cryptography of a world: the real one, or a stand-in that is deterministic and cheap. Whichever it is, its work costs virtual time.
import type { Crypto, KeyShare, PacketKey, Random, Work, WorkDone } from '../core/ports.ts'
import { loadBlake3 } from '../io/blake3.ts'
import { createCrypto } from '../io/crypto.ts'
import { identityOfSeed } from '../io/identity.ts'
import { createPerform } from '../io/perform.ts'
import type { Identity, Job } from '../io/ports.ts'
import type { Costs } from './costs.ts'
import type { SeededRandom } from './random.ts'
import { standInCrypto } from './stand-in/crypto.ts'
import { standInIdentity } from './stand-in/identity.ts'
import { standInPerform } from './stand-in/perform.ts'

/** Does one piece of work of whoever signs; null, where nothing is to be signed. */
export type Perform = (work: Work, signer: Job['identity']) => WorkDone

/** Everything a world has of cryptography. */
export interface Cryptography {
  readonly name: 'stand-in' | 'real'
  /** The primitives of one process; the real ones draw randomness of their own. */
  crypto(random: Random): Crypto
  readonly perform: Perform
  identity(random: SeededRandom): Promise<Identity>
}

/** Deterministic, cheap, of the real sizes, and without any secrecy: who knows it can forge everything. It refuses wrong keys and bytes. */
export const STAND_IN: Cryptography = Object.freeze({
  name: 'stand-in',
  crypto: standInCrypto,
  perform: standInPerform,
  identity: async (random: SeededRandom) => standInIdentity(random),
})

/**
 * What nodes use. Identities follow from the seed, and so who is near whom; signatures and key shares draw randomness of their own, so that
 * two runs are alike and not the same.
 */
export const realCryptography = async (): Promise<Cryptography> => {
  const crypto = await createCrypto()
  return { name: 'real', crypto: () => crypto, perform: createPerform(await loadBlake3()), identity: seeded }
}

const seeded = (random: SeededRandom): Promise<Identity> => {
  const seed = new Uint8Array(32)
  random.fill(seed)
  return identityOfSeed(seed)
}

/** A Crypto whose calls take their time. */
export const costing = (crypto: Crypto, costs: Costs, charge: (ms: number) => void): Crypto => ({
  hash: (name, data) => {
    charge(costs.hash + data.length * costs.hashByte)
    return crypto.hash(name, data)
  },
  hmac: (name, key, data) => {
    charge(costs.hmac + data.length * costs.hashByte)
    return crypto.hmac(name, key, data)
  },
  peerId: (publicKey) => {
    charge(costs.hash + publicKey.length * costs.hashByte)
    return crypto.peerId(publicKey)
  },
  swiftest: crypto.swiftest,
  packetKey: (suite, key, iv, headerKey) => {
    charge(costs.packetKey)
    const bare = headerKey instanceof CostingPacketKey ? headerKey.bare : headerKey
    return new CostingPacketKey(crypto.packetKey(suite, key, iv, bare), costs, charge)
  },
  retryTag: (key, nonce, data) => {
    charge(costs.packet)
    return crypto.retryTag(key, nonce, data)
  },
  keyShare: (group) => {
    charge(costs.keyShare)
    const own = crypto.keyShare(group)
    const agree: KeyShare['agree'] = (peerShare) => {
      charge(costs.agree)
      return own.agree(peerShare)
    }
    return { share: own.share, agree }
  },
  encapsulate: (group, peerShare) => {
    charge(costs.encapsulate)
    return crypto.encapsulate(group, peerShare)
  },
  equal: (a, b) => crypto.equal(a, b),
})

class CostingPacketKey implements PacketKey {
  /** What does it, for nothing. */
  readonly bare: PacketKey
  readonly #costs: Costs
  readonly #charge: (ms: number) => void

  constructor(key: PacketKey, costs: Costs, charge: (ms: number) => void) {
    this.bare = key
    this.#costs = costs
    this.#charge = charge
  }

  seal(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): void {
    this.#charge(this.#costs.packet + (end - start) * this.#costs.packetByte)
    this.bare.seal(buffer, header, start, end, packetNumber)
  }

  open(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): number {
    this.#charge(this.#costs.packet + (end - start) * this.#costs.packetByte)
    return this.bare.open(buffer, header, start, end, packetNumber)
  }

  mask(buffer: Uint8Array, sample: number, into: Uint8Array): void {
    this.#charge(this.#costs.headerMask)
    this.bare.mask(buffer, sample, into)
  }

  release(): void {
    this.bare.release()
  }
}
