// Looks at the machine, and leaves it as it was: sockets are closed, nothing is written.
import { constants as access, promises as fs } from 'node:fs'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { encapsulate, generateKeyPairSync, sign } from 'node:crypto'
import { createNode, type Node, parseAddress, SallyportError, UDP_BUFFER_BYTES } from '../../index.ts'
import type { BufferFacts, Dial, DiskFacts, OpensslFacts } from './judge.ts'

/** Signatures that are timed, and timers that are watched, with the pause between two. */
const SIGNATURES = 10
const TIMERS = 25
const TIMER_MS = 20

/** What node:crypto can do of what is needed. */
export const lookAtOpenssl = (): OpensslFacts => ({
  version: process.versions.openssl,
  signMs: signing(),
  encapsulates: encapsulates(),
})

const signing = (): number | null => {
  try {
    const { privateKey } = generateKeyPairSync('ml-dsa-65')
    const begun = performance.now()
    for (let n = 0; n < SIGNATURES; n++) sign(null, new Uint8Array(64), privateKey)
    return (performance.now() - begun) / SIGNATURES
  } catch {
    return null
  }
}

const encapsulates = (): boolean => {
  try {
    encapsulate(generateKeyPairSync('ml-kem-768').publicKey)
    return true
  } catch {
    return false
  }
}

/** Binds a socket of a family to any port; what it was given for buffers, or why it could not be bound. */
export const lookAtSocket = async (family: 4 | 6): Promise<BufferFacts | string> => {
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 })
  try {
    socket.bind({ port: 0, address: family === 4 ? '0.0.0.0' : '::', exclusive: true })
    await once(socket, 'listening')
    const { platform } = process
    return { ...buffersOf(socket), asked: UDP_BUFFER_BYTES, platform }
  } catch (error) {
    return SallyportError.from(error).message
  } finally {
    socket.close()
  }
}

/** Linux says twice what it gives, for its own book-keeping. */
const buffersOf = (socket: ReturnType<typeof createSocket>): { received: number; sent: number } => {
  const part = process.platform === 'linux' ? 2 : 1
  try {
    socket.setRecvBufferSize(UDP_BUFFER_BYTES)
    socket.setSendBufferSize(UDP_BUFFER_BYTES)
  } catch {
    // Some systems refuse what is too much, instead of giving less.
  }
  return { received: socket.getRecvBufferSize() / part, sent: socket.getSendBufferSize() / part }
}

/** How many files may be open, where the system says. */
export const lookAtOpenFiles = (): number | 'unlimited' | null => {
  // Without it, names of everything that is connected would be looked up.
  Object.assign(process.report, { excludeNetwork: true })
  const { userLimits } = process.report.getReport() as {
    userLimits?: { open_files?: { soft?: number | 'unlimited' } }
  }
  return userLimits?.open_files?.soft ?? null
}

/** Watches both clocks and some timers for half a second. */
export const lookAtTime = async (signal: AbortSignal): Promise<{ wallMs: number; driftMs: number; lateMs: number }> => {
  const [wall, monotonic] = [Date.now(), performance.now()]
  let lateMs = 0
  for (let n = 0; n < TIMERS; n++) {
    const due = performance.now() + TIMER_MS
    await pause(TIMER_MS, null, { signal })
    lateMs = Math.max(lateMs, performance.now() - due)
  }
  return { wallMs: wall, driftMs: Date.now() - wall - (performance.now() - monotonic), lateMs }
}

/** The data directory, or the nearest one above it in which it would be made; null where there is none. */
export const lookAtDisk = async (path: string): Promise<DiskFacts | null> => {
  let there = path
  while (!(await isThere(there))) {
    if (dirname(there) === there) return null
    there = dirname(there)
  }
  const { bavail, bsize } = await fs.statfs(there)
  return { path, exists: there === path, isWritable: await isWritable(there), freeBytes: bavail * bsize }
}

const isThere = (path: string): Promise<boolean> => fs.access(path).then(TRUE, FALSE)

const isWritable = (path: string): Promise<boolean> => fs.access(path, access.W_OK | access.X_OK).then(TRUE, FALSE)

const TRUE = (): boolean => true
const FALSE = (): boolean => false

/** Dials each address with an identity that nobody knows. */
export const lookAtBootstrap = async (addresses: readonly string[], signal: AbortSignal): Promise<Dial[]> => {
  if (addresses.length === 0) return []
  await using node = await createNode({ capability: 'client' })
  return await Promise.all(
    addresses.map(async (address) => {
      const begun = performance.now()
      try {
        await reached(node, address, signal)
        return { address, ms: performance.now() - begun, error: '' }
      } catch (error) {
        signal.throwIfAborted()
        const { code, message } = SallyportError.from(error)
        return { address, ms: null, error: `${message} (${code})` }
      }
    }),
  )
}

/** An address is dialled as it is; a name is resolved and dialled as at the start of a node, by one that is made for it. */
const reached = async (node: Node, address: string, signal: AbortSignal): Promise<void> => {
  if (parseAddress(address) !== null) return void (await node.transport.connectPeer(address, { signal }))
  await using named = await createNode({ capability: 'client', bootstrap: [address] })
  await named.join({ signal })
}
