// A process of honest clients: each a transport with its own identity and socket, made beforehand, so that what is measured is the
// dialling. They dial all at once, or one at a time at a steady pace as a probe. Started by `Siege`, never by hand.
import { parseAddress } from '../core/address.ts'
import type { Address } from '../core/address.ts'
import { SallyportError, generateIdentity, systemPorts } from '../index.ts'
import type { Identity } from '../index.ts'
import { TransportHandle } from '../node/transport-handle.ts'
import { serve } from '../testnet/serve.ts'
import type { Fate } from './fates.ts'
import { honestIp, localOf } from './sources.ts'
import type { Spread } from './sources.ts'

/** An identity as text: its PeerId, public key and private key, the keys in base64. */
export type WrittenIdentity = readonly [string, string, string]

/** A request to a crowd. */
export type CrowdRequest =
  /** Whom to dial, and from where: everything else is about it. */
  | { readonly kind: 'target'; readonly address: string; readonly spread: Spread }
  /** Makes clients, with new identities or those given, and binds them. */
  | { readonly kind: 'gather'; readonly clients: number; readonly identities?: readonly WrittenIdentity[] }
  /** They all dial, so many at once, and again when a dial fails, so many times; answered with a `Fate` each. */
  | { readonly kind: 'dial'; readonly atOnce: number; readonly triesMax: number }
  /** They all go, with a word to the target. */
  | { readonly kind: 'disperse' }
  /** Makes the identities of a probe. */
  | { readonly kind: 'arm'; readonly count: number }
  /** A new client dials every so often until the identities are used up; answered with a `Fate` each. */
  | { readonly kind: 'probe'; readonly everyMs: number }
  /** Answered with the handshakes that its clients finished so far, those gone included. */
  | { readonly kind: 'connected' }

/** Whoever dials again waits so long first, up to twice that. */
const AGAIN_MS = 500

const ports = await systemPorts()
let target: { readonly address: string; readonly remote: Address; readonly spread: Spread } | null = null
const clients: TransportHandle[] = []
let identities: Identity[] = []
let drawn = 0
let connectedBefore = 0
const stop = new AbortController()

const answer = async (request: CrowdRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'target': {
      const parsed = parseAddress(request.address)
      if (parsed === null) throw new SallyportError('ADDRESS_INVALID', request.address)
      target = { ...request, remote: parsed.address }
      return null
    }
    case 'gather':
      return gather(request.clients, request.identities)
    case 'dial':
      return dialAll(request)
    case 'disperse':
      await Promise.all(clients.splice(0).map((client) => goodbye(client)))
      return null
    case 'arm':
      return arm(request.count)
    case 'probe':
      return probe(request.everyMs)
    case 'connected':
      return clients.reduce((sum, client) => sum + connectedOf(client), connectedBefore)
  }
}

const gather = async (count: number, written: readonly WrittenIdentity[] = []): Promise<null> => {
  for (let n = 0; n < count; n++) {
    const given = written[n]
    clients.push(await openClient(given === undefined ? await generateIdentity() : readIdentity(given)))
  }
  return null
}

/** A turn of the event loop apart, so that a parent that lets go is heard. */
const arm = async (count: number): Promise<null> => {
  for (let n = 0; n < count; n++) {
    identities.push(await generateIdentity())
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return null
}

/** From a prefix that nobody had before. */
const openClient = (identity: Identity): Promise<TransportHandle> => {
  const { remote, spread } = mustHaveTarget()
  const listen = [localOf(remote, spread, honestIp(drawn++))]
  return TransportHandle.open({ ports, identity, capability: 'client', listen })
}

const dialAll = async ({ atOnce, triesMax }: { atOnce: number; triesMax: number }): Promise<Fate[]> => {
  const waiting = clients.values()
  const fates: Fate[] = []
  const lane = async (): Promise<void> => {
    for (const client of waiting) fates.push(await dial(client, triesMax))
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, clients.length) }, lane))
  return fates
}

/** The time of one that was tried again counts from its first try. */
const dial = async (client: TransportHandle, triesMax = 1): Promise<Fate> => {
  const begun = performance.now()
  for (let tries = 1; ; tries++) {
    try {
      await client.connectPeer(mustHaveTarget().address, { signal: stop.signal })
      return { kind: 'identified', ms: performance.now() - begun, tries }
    } catch (error) {
      const { code } = SallyportError.from(error)
      if (tries >= triesMax || stop.signal.aborted) return { kind: 'failed', code }
      await until(performance.now() + AGAIN_MS * (1 + Math.random()))
    }
  }
}

/** One client a tick, whatever became of those before; the next is bound while the tick is waited for, its own dial apart. */
const probe = async (everyMs: number): Promise<Fate[]> => {
  const armed = identities
  identities = []
  const fates: Promise<Fate>[] = []
  const begun = performance.now()
  for (const [n, identity] of armed.entries()) {
    const client = await openClient(identity)
    await until(begun + (n + 1) * everyMs)
    if (stop.signal.aborted) {
      await goodbye(client)
      break
    }
    fates.push(visit(client))
  }
  return Promise.all(fates)
}

const visit = async (client: TransportHandle): Promise<Fate> => {
  const fate = await dial(client)
  await goodbye(client)
  return fate
}

const goodbye = async (client: TransportHandle): Promise<void> => {
  await client.close()
  connectedBefore += connectedOf(client)
}

const connectedOf = (client: TransportHandle): number => client.counters().accepted.outbound

const until = (time: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())))

const mustHaveTarget = (): NonNullable<typeof target> => {
  if (target === null) throw new SallyportError('ARGUMENT_INVALID', 'nobody said whom to dial')
  return target
}

const readIdentity = ([peerId, publicKey, privateKey]: WrittenIdentity): Identity => ({
  peerId: peerId as Identity['peerId'],
  publicKey: Uint8Array.from(Buffer.from(publicKey, 'base64')),
  privateKey: Uint8Array.from(Buffer.from(privateKey, 'base64')),
})

const close = async (): Promise<void> => {
  stop.abort()
  await Promise.allSettled(clients.map((client) => client.close()))
  await ports.close()
}

if (process.send === undefined) throw new SallyportError('ARGUMENT_INVALID', 'a crowd is started by a siege')
serve<CrowdRequest>(answer, close)
