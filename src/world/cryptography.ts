// The cryptography of a world: the real one, or a stand-in that is deterministic and cheap. Whichever it is, its work costs virtual time.
import type { Crypto, KeyShare, PacketKey, Random, Work, WorkDone } from '../core/ports.ts'
import { loadBlake3 } from '../io/blake3.ts'
import { createCrypto } from '../io/crypto.ts'
import { generateIdentity } from '../io/identity.ts'
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

/** What nodes use: ML-DSA and ML-KEM draw randomness of their own, so that two runs of one seed are alike and not the same. */
export const realCryptography = async (): Promise<Cryptography> => {
  const crypto = await createCrypto()
  return { name: 'real', crypto: () => crypto, perform: createPerform(await loadBlake3()), identity: generateIdentity }
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
    return new CostingPacketKey(crypto.packetKey(suite, key, iv, headerKey), costs, charge)
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
  readonly #key: PacketKey
  readonly #costs: Costs
  readonly #charge: (ms: number) => void

  constructor(key: PacketKey, costs: Costs, charge: (ms: number) => void) {
    this.#key = key
    this.#costs = costs
    this.#charge = charge
  }

  seal(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): void {
    this.#charge(this.#costs.packet + (end - start) * this.#costs.packetByte)
    this.#key.seal(buffer, header, start, end, packetNumber)
  }

  open(buffer: Uint8Array, header: number, start: number, end: number, packetNumber: number): number {
    this.#charge(this.#costs.packet + (end - start) * this.#costs.packetByte)
    return this.#key.open(buffer, header, start, end, packetNumber)
  }

  mask(buffer: Uint8Array, sample: number, into: Uint8Array): void {
    this.#charge(this.#costs.headerMask)
    this.#key.mask(buffer, sample, into)
  }

  release(): void {
    this.#key.release()
  }
}
