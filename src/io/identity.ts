// The identity of a node: an ML-DSA-65 key pair in a PKCS#8 file of its data directory. Made once, put in place whole or not at
// all, never replaced. The file names its PeerId in a line above the key: OpenSSL accepts any 32 bytes as a seed, so without
// that line a flipped bit would silently be somebody else.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto'
import { link, open, readFile, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { SallyportError } from '../core/errors.ts'
import { parsePeerId, peerIdOf } from '../core/ids.ts'
import { loadBlake3 } from './blake3.ts'
import { makeDirectories } from './make-directories.ts'
import type { Identity } from './ports.ts'
import { exportPublicKey, ML_DSA_65 } from './raw-keys.ts'

/** The name of the identity file in a data directory. */
export const IDENTITY_FILE = 'identity.pem'

const FILE_MODE = 0o600
const OTHERS = 0o077
const RESET_LABEL = 'sallyport stateless reset 1'
const RESET_SECRET_BYTES = 32
const PEER_ID_LINE = /^PeerId: (.*)$/m

/** A new identity, which is written nowhere. */
export const generateIdentity = (): Promise<Identity> => identityOf(generateKeyPairSync('ml-dsa-65').privateKey)

/** PKCS#8 of an ML-DSA-65 key by its 32-byte seed (RFC 9881 section 6). */
const SEED_PREFIX = Buffer.from('3034020100300b060960864801650304031204228020', 'hex')

/** The identity of a 32-byte seed: the same one each time, for simulations. */
export const identityOfSeed = (seed: Uint8Array): Promise<Identity> =>
  identityOf(createPrivateKey({ key: Buffer.concat([SEED_PREFIX, seed]), format: 'der', type: 'pkcs8' }))

/** The identity of a data directory, or null when it has none; rejects with IDENTITY_DAMAGED. Creates nothing. */
export const readIdentity = async (directory: string): Promise<Identity | null> => {
  const path = join(directory, IDENTITY_FILE)
  const text = await readOrNull(path)
  if (text === null) return null
  await refuseExposed(path)
  const identity = await parseIdentity(text)
  if (identity === null) throw damaged(path)
  return identity
}

/** The identity of a data directory, made with the directory when there is none; rejects with IDENTITY_DAMAGED. */
export const ensureIdentity = async (directory: string): Promise<Identity> => {
  try {
    const existing = await readIdentity(directory)
    if (existing !== null) return existing
    await makeDirectories(directory)
    await place(directory, formatIdentity(await generateIdentity()))
  } catch (error) {
    throw SallyportError.from(error)
  }
  // Read back rather than kept: another process may have been first, and what counts is what the file gives next time.
  const placed = await readIdentity(directory)
  if (placed === null)
    throw new SallyportError('IO_FAILED', `${join(directory, IDENTITY_FILE)} vanished while it was made`)
  return placed
}

/**
 * 32 bytes that follow from an identity's private key and tell nothing of it: stateless resets are made with them (`QuicConfig.resetSecret`).
 * They survive a restart, but perhaps not a change of Node's version, which may write the same key in another form.
 */
export const resetSecret = (identity: Pick<Identity, 'privateKey'>): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', identity.privateKey, '', RESET_LABEL, RESET_SECRET_BYTES))

/**
 * The same for a listener at one place, of several that may have one key: none of them may be made to say what ends a connection of another
 * (RFC 9000 section 21.11). Machines are told apart by their names.
 */
export const resetSecretAt = ({ privateKey }: Pick<Identity, 'privateKey'>, place: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', privateKey, '', `${RESET_LABEL} at ${hostname()} ${place}`, RESET_SECRET_BYTES))

const identityOf = async (key: KeyObject): Promise<Identity> => {
  const blake3 = await loadBlake3()
  const publicKey = exportPublicKey(ML_DSA_65, createPublicKey(key))
  const privateKey = Uint8Array.from(key.export({ format: 'der', type: 'pkcs8' }))
  return Object.freeze({ peerId: peerIdOf(blake3(publicKey)), publicKey, privateKey })
}

const formatIdentity = (identity: Identity): string => {
  const key = createPrivateKey({ key: Buffer.from(identity.privateKey), format: 'der', type: 'pkcs8' })
  return `PeerId: ${identity.peerId}\n${key.export({ format: 'pem', type: 'pkcs8' })}`
}

/** Node 24 writes the key expanded, Node 26 its seed alone; OpenSSL reads both. A key without the line is taken as it is. */
const parseIdentity = async (text: string): Promise<Identity | null> => {
  try {
    const key = createPrivateKey(text)
    if (key.asymmetricKeyType !== 'ml-dsa-65') return null
    const identity = await identityOf(key)
    const named = PEER_ID_LINE.exec(text)
    return named === null || parsePeerId(named[1] ?? '') === identity.peerId ? identity : null
  } catch {
    return null
  }
}

/** Writes the file under a name of its own and links it into place, which fails when there is one already. */
const place = async (directory: string, text: string): Promise<void> => {
  const path = join(directory, IDENTITY_FILE)
  const temporary = `${path}.${randomBytes(8).toString('hex')}`
  try {
    const file = await open(temporary, 'wx', FILE_MODE)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(temporary, path).catch(unlessExists)
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDirectory(directory)
}

const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === 'win32') return
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Whoever can read the key can be this node; a warning would be read by nobody, so this is refused as ssh refuses it. */
const refuseExposed = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return
  const { mode } = await stat(path)
  if ((mode & OTHERS) === 0) return
  throw new SallyportError(
    'IDENTITY_DAMAGED',
    `${path} can be read by other users of this machine (mode ${(mode & 0o777).toString(8)}): run chmod 600 on it`,
  )
}

const damaged = (path: string): SallyportError =>
  new SallyportError(
    'IDENTITY_DAMAGED',
    `${path} holds no intact ML-DSA-65 key: restore it from a copy, or move it away to start with a new identity`,
  )

const readOrNull = (path: string): Promise<string | null> =>
  readFile(path, 'latin1').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return null
    throw SallyportError.from(error)
  })

const unlessExists = (error: unknown): void => {
  if (!hasCode(error, 'EEXIST')) throw error
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
