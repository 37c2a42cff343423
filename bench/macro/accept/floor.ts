// What the post-quantum primitives of one mutually authenticated handshake cost a server, bare: below this no such handshake can be.
import { diffieHellman, encapsulate, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'

const ROUNDS = 5
const HANDSHAKES = 60

/** CPU milliseconds of one signature, one verification, one encapsulation and one X25519 exchange with a new key; the best of some rounds. */
export const handshakeFloorMs = (): number => {
  const { publicKey, privateKey } = generateKeyPairSync('ml-dsa-65')
  const kem = generateKeyPairSync('ml-kem-768')
  const theirs = generateKeyPairSync('x25519')
  const transcript = randomBytes(64)
  const handshake = (): void => {
    const signature = sign(null, transcript, privateKey)
    if (!verify(null, transcript, publicKey, signature)) throw new Error('a signature does not verify')
    encapsulate(kem.publicKey)
    diffieHellman({ privateKey: generateKeyPairSync('x25519').privateKey, publicKey: theirs.publicKey })
  }
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage()
    for (let n = 0; n < HANDSHAKES; n++) handshake()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1e3 / HANDSHAKES
  })
  return Math.min(...rounds)
}
