// A process of attackers: a share of the silent clients, of the garbage and of the replays. Started by `Siege`, never by hand. Attackers
// have machines of their own; on this one they give way to those they attack, so that what is measured is the attack and not its cost.
import { constants, setPriority } from 'node:os'
import type { Crypto, Group, KeyShare } from '../core/ports.ts'
import { SallyportError, generateIdentity, systemPorts } from '../index.ts'
import type { Identity, Ports } from '../index.ts'
import type { UdpSocket } from '../io/ports.ts'
import { serve } from '../testnet/serve.ts'
import { noTotals } from './attack.ts'
import type { AttackShare, AttackTotals, AttackerRequest } from './attack.ts'
import { garbage } from './garbage.ts'
import { Pump } from './pump.ts'
import { Recording } from './replay.ts'
import { SilentClient } from './silent-client.ts'
import { attackerIp, honestIp, localOf } from './sources.ts'

/** Sockets that garbage comes from, and flights that are replayed: more than the slots strangers may have in a few networks. */
const SOCKETS = 64
const RECORDINGS = 64

const totals: AttackTotals = noTotals()
const system = await systemPorts()
/** Bounded by the share. */
const clients: SilentClient[] = []
/** Bounded by RECORDINGS and SOCKETS. */
const recordings: Recording[] = []
const sockets: UdpSocket[] = []
/** Bounded by two. */
const pumps: Pump[] = []

const answer = async (request: AttackerRequest): Promise<unknown> => {
  switch (request.kind) {
    case 'prepare':
      return prepare(request.share)
    case 'begin':
      for (const client of clients) client.begin(request.withinMs * Math.random())
      for (const pump of pumps) pump.start()
      return null
    case 'report':
      return totals
  }
}

const prepare = async (share: AttackShare): Promise<null> => {
  const ports = { ...system, crypto: sparing(system.crypto) }
  for (const [kind, prefix] of share.clients) {
    const local = localFor(share, prefix)
    const identity = await generateIdentity()
    clients.push(await SilentClient.bind({ kind, target: share.target, local, identity, ports, tally: totals }))
  }
  if (share.garbagePerSecond > 0) await prepareGarbage(share, ports)
  if (share.replaysPerSecond > 0) await prepareReplays(share, ports, await generateIdentity())
  return null
}

const prepareGarbage = async (share: AttackShare, ports: Ports): Promise<void> => {
  for (let n = 0; n < SOCKETS; n++) {
    const local = localFor(share, n % (share.prefixes ?? 1))
    sockets.push(await ports.udp.bind(local, { datagram: () => {}, failed: () => {} }))
  }
  pumps.push(
    new Pump(share.garbagePerSecond, () => {
      const datagram = garbage(ports.random, totals.garbage)
      sockets[totals.garbage++ % sockets.length]?.send(datagram, share.target, () => {})
    }),
  )
}

const prepareReplays = async (share: AttackShare, ports: Ports, identity: Identity): Promise<void> => {
  const { target, forged } = share
  for (let n = 0; n < RECORDINGS; n++) {
    const local = localFor(share, n % (share.prefixes ?? 1))
    recordings.push(await Recording.bind({ target, local, identity, ports, forged }))
  }
  pumps.push(new Pump(share.replaysPerSecond, () => recordings[totals.replayed++ % recordings.length]?.replay()))
}

const localFor = ({ prefixes, forged, target }: AttackShare, prefix: number): ReturnType<typeof localOf> =>
  localOf(target, prefixes === null ? 'one-address' : 'prefixes', forged ? honestIp(prefix) : attackerIp(prefix))

/** One key share for all handshakes: making them is most of what a first flight costs whoever sends it. */
const sparing = (crypto: Crypto): Crypto => {
  const shares = new Map<Group, KeyShare>()
  return {
    ...crypto,
    keyShare: (group) => {
      const share = shares.get(group) ?? crypto.keyShare(group)
      shares.set(group, share)
      return share
    },
  }
}

const close = async (): Promise<void> => {
  for (const pump of pumps) pump.stop()
  await Promise.allSettled([...clients, ...recordings, ...sockets].map((each) => each.close()))
  await system.close()
}

if (process.send === undefined) throw new SallyportError('ARGUMENT_INVALID', 'an attacker is started by a siege')
setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
serve<AttackerRequest>(answer, close)
