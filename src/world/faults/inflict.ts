// How each kind of fault is done to a world, and how it is undone.
import {
  blocking,
  burstLoss,
  clogging,
  type Condition,
  corruption,
  duplication,
  loss,
  narrowing,
  type Pairs,
  reordering,
} from '../condition.ts'
import type { Host } from '../host.ts'
import type { Nic } from '../nic.ts'
import { SeededRandom } from '../random.ts'
import type { World } from '../world.ts'
import type { Fault } from './fault.ts'

/** Whom and what a fault has to do with. */
export interface Scene {
  readonly world: World
  /** In the order that a fault's numbers mean. */
  readonly hosts: readonly Host[]
  /** Starts a host again whose process is gone; the owner of the host knows what runs there. */
  readonly restart: (host: Host) => void
  /** Told each time the fault changes something. */
  readonly struck: (times: number) => void
}

/** Undoes a fault. */
export type Undo = () => void

/** Does a fault; returns what undoes it. */
export const inflict = (fault: Fault, scene: Scene): Undo => {
  const { world, struck } = scene
  const victims = hostsOf(fault, scene)
  switch (fault.kind) {
    case 'rebind':
      struck(sum(victims.map(({ nic }) => nic.nat?.rebind() ?? 0)))
      return nothing
    case 'crash':
    case 'kill':
      return fell(fault.kind, victims, scene)
    case 'freeze': {
      const ms = fault.forMs
      for (const host of victims) host.freeze(Math.min(ms, FROZEN_MS_MAX))
      struck(victims.filter((host) => host.process !== null).length)
      return nothing
    }
    case 'slow-processor':
      return slow(victims, 2 + 60 * fault.strength, scene)
    case 'slow-disk':
    case 'stuck-disk':
    case 'full-disk':
      return spoilDisks(fault, victims, scene)
    case 'skew':
    case 'drift':
      return setClocks(fault, victims, scene)
    case 'slow-line':
      return narrow(victims, 4 + 400 * fault.strength, scene)
    default: {
      const condition = conditionOf({ ...fault, kind: fault.kind }, victims, world)
      return world.network.impose({
        ...condition,
        strike: (fate, now) => {
          const changed = condition.strike(fate, now)
          if (changed) struck(1)
          return changed
        },
      })
    }
  }
}

/** A process that stands still for longer is taken for dead by everybody, which other kinds do. */
const FROZEN_MS_MAX = 20_000

const nothing: Undo = () => {}

type NetworkKind =
  | 'loss'
  | 'burst-loss'
  | 'reordering'
  | 'duplication'
  | 'corruption'
  | 'mtu'
  | 'partition'
  | 'one-way'
  | 'clog'

const conditionOf = (
  fault: Omit<Fault, 'kind'> & { readonly kind: NetworkKind },
  victims: readonly Host[],
  world: World,
): Condition => {
  const { kind, number, strength } = fault
  const random = new SeededRandom(world.seed, `fault ${number} strikes`)
  const hit = new Set<Nic>(victims.map(({ nic }) => nic))
  const touching: Pairs = (from, to) => hit.has(from) || hit.has(to)
  switch (kind) {
    case 'loss':
      return loss(random, 0.01 + 0.4 * strength ** 2, touching)
    case 'burst-loss':
      return burstLoss(random, { goodMs: 2000, badMs: 50 + 900 * strength }, touching)
    case 'reordering':
      return reordering(random, { share: 0.05 + 0.4 * strength, delayMs: 5 + 200 * strength }, touching)
    case 'duplication':
      return duplication(random, 0.05 + 0.5 * strength, touching)
    case 'corruption':
      return corruption(random, 0.01 + 0.2 * strength ** 2, touching)
    case 'mtu':
      // Below 1,228 no QUIC begins; above, what is larger than it has to be is lost.
      return narrowing(strength < 0.3 ? 900 : 1228, touching)
    case 'partition':
      return blocking((from, to) => hit.has(from) !== hit.has(to))
    case 'one-way':
      return blocking((from, to) => (strength < 0.5 ? hit.has(from) && !hit.has(to) : hit.has(to) && !hit.has(from)))
    case 'clog':
      return clogging((from, to) => hit.has(from) !== hit.has(to))
  }
}

const hostsOf = ({ hosts }: Fault, scene: Scene): Host[] =>
  hosts.length === 0 ? [...scene.hosts] : hosts.flatMap((place) => scene.hosts[place] ?? [])

const fell = (kind: 'crash' | 'kill', victims: readonly Host[], { restart, struck }: Scene): Undo => {
  const fallen = victims.filter((host) => host.process !== null)
  for (const host of fallen) {
    if (kind === 'crash') host.crash()
    else host.kill()
  }
  struck(fallen.length)
  return () => {
    for (const host of fallen) if (host.process === null) restart(host)
  }
}

/** A process that is started meanwhile is as fast as it should be. */
const slow = (victims: readonly Host[], times: number, { struck }: Scene): Undo => {
  // One that is slow already is slow enough: two such faults together would leave it nothing but overdue work.
  const slowed = victims.flatMap(({ process }) =>
    process === null || process.processor.slowness > times ? [] : process,
  )
  for (const { processor } of slowed) processor.slowness *= times
  struck(slowed.length)
  return () => {
    for (const { processor } of slowed) processor.slowness /= times
  }
}

const narrow = (victims: readonly Host[], times: number, { struck }: Scene): Undo => {
  const wires = victims.flatMap(({ nic }) => [nic.up, nic.down])
  for (const wire of wires) wire.slow(times)
  struck(victims.length)
  return () => {
    for (const wire of wires) wire.slow(1 / times)
  }
}

const spoilDisks = (fault: Fault, victims: readonly Host[], { struck }: Scene): Undo => {
  const spoilt = victims.map((host) => ({ host, before: { ...host.diskCondition } }))
  for (const { host } of spoilt) {
    if (fault.kind === 'full-disk') host.disk.spaceBytes = Math.floor(fault.strength * 20_000)
    else if (fault.kind === 'slow-disk') host.diskCondition.slowness *= 5 + 300 * fault.strength
    else host.diskCondition.stuckUntil = fault.at + fault.forMs
  }
  return () => {
    for (const { host, before } of spoilt) {
      const { slowed, failed } = host.diskCondition
      struck(fault.kind === 'full-disk' ? failed - before.failed : slowed - before.slowed)
      if (fault.kind === 'full-disk') host.disk.spaceBytes = Infinity
      else if (fault.kind === 'slow-disk') host.diskCondition.slowness /= 5 + 300 * fault.strength
    }
  }
}

/** Dates are off by up to a day, clocks by up to a hundredth. */
const setClocks = (fault: Fault, victims: readonly Host[], { struck }: Scene): Undo => {
  const wrong = 2 * fault.strength - 1
  for (const host of victims) {
    host.setClock(fault.kind === 'skew' ? { skewMs: wrong * 86_400_000, drift: 0 } : { skewMs: 0, drift: wrong / 100 })
  }
  struck(victims.length)
  return () => {
    for (const host of victims) host.setClock({ skewMs: 0, drift: 0 })
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)
