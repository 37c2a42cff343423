// Planted bugs: each of the incident's causes 1 to 8 as one defect, put into the node from outside by replacing a method, so that nothing of
// it is in the node. The swarm must find every one of them: one that it does not find is a bug that it would not find either.
import { Registry } from '../../src/core/peers/registry.ts'
import { addressText } from '../../src/core/address.ts'
import { RateLimiter } from '../../src/core/gate/rate-limiter.ts'
import type { ConnectionHandle } from '../../src/core/ids.ts'
import { inline } from '../../src/lab/strategies/inline.ts'
import { Figures } from '../../src/lab/strategies/figures.ts'
import { ACCEPT_PATH_ALONE } from '../../src/lab/strategies/history.ts'
import { LockedMaps } from '../../src/lab/strategies/locked-maps.ts'
import type { Acceptance } from '../../src/node/acceptance.ts'
import { Channel } from '../../src/node/channel.ts'
import { ControlStreams } from '../../src/node/control-stream.ts'
import { EventFeed } from '../../src/node/events.ts'
import { Lifecycle } from '../../src/node/lifecycle.ts'

/** One planted bug: which cause of the incident it is, and what it does. `plant` returns what takes it out again. */
export interface Plant {
  readonly name: string
  readonly cause: number
  readonly defect: string
  readonly plant: () => () => void
}

/** Replaces a method by what `wrap` makes of it, until the result is called. */
const replace = <Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  wrap: (original: Owner[Name]) => Owner[Name],
): (() => void) => {
  const original = owner[name]
  owner[name] = wrap(original)
  return () => void (owner[name] = original)
}

const all =
  (...undo: readonly (() => void)[]): (() => void) =>
  () =>
    undo.forEach((each) => each())

/** The one of an owner, made when it is first asked for. */
const perOwner = <Owner extends object, Value>(make: (owner: Owner) => Value): ((owner: Owner) => Value) => {
  const made = new WeakMap<Owner, Value>()
  return (owner) => {
    const value = made.get(owner) ?? make(owner)
    made.set(owner, value)
    return value
  }
}

const lockAcrossSend = (): (() => void) =>
  replace(Lifecycle.prototype, 'established', (original) => {
    const seam = perOwner((lifecycle: Lifecycle): Acceptance => {
      const own = {
        established: original.bind(lifecycle),
        migrated: lifecycle.migrated.bind(lifecycle),
        lost: lifecycle.lost.bind(lifecycle),
        failed: lifecycle.failed.bind(lifecycle),
      }
      const identified = (handle: ConnectionHandle): boolean => lifecycle.channel(handle)?.peer !== null
      const figures = new Figures()
      const parts = { own, schedule: lifecycle.workshop.schedule, identified }
      return inline(own, new LockedMaps(parts, figures, ACCEPT_PATH_ALONE), figures)
    })
    return function (this: Lifecycle, link, now) {
      seam(this).established(link, now)
    }
  })

const helloDroppedWithBulk = (): (() => void) => {
  let busy = false
  return all(
    replace(Channel.prototype, 'open', (original) => {
      return function (this: Channel, now) {
        busy = this.workshop.intake.bytes > 0
        original.call(this, now)
        busy = false
      }
    }),
    replace(ControlStreams.prototype, 'send', (original) => {
      return function (this: ControlStreams, message) {
        return (busy && message.kind === 'hello') || original.call(this, message)
      }
    }),
  )
}

const eventsByAddress = (): (() => void) =>
  replace(EventFeed.prototype, 'publish', (original) => {
    const seen = perOwner((_feed: EventFeed) => new Set<string>())
    return function (this: EventFeed, event) {
      const place = event.kind === 'connected' ? addressText(event.peer.remote) : null
      if (place !== null && seen(this).has(place)) return
      if (place !== null) seen(this).add(place)
      original.call(this, event)
    }
  })

const announcedEarly = (): (() => void) =>
  replace(Registry.prototype, 'usable', (original) => {
    const sendable = perOwner((_registry: Registry) => new Set<ConnectionHandle>())
    return function (this: Registry, peerId) {
      const info = original.call(this, peerId)
      if (info === null || sendable(this).has(info.connection)) return info
      sendable(this).add(info.connection)
      return null
    }
  })

const lossyBroadcast = (): (() => void) =>
  replace(EventFeed.prototype, 'publish', (original) => {
    const published = perOwner((_feed: EventFeed) => ({ count: 0 }))
    return function (this: EventFeed, event) {
      if (++published(this).count % 64 !== 0) original.call(this, event)
    }
  })

const rateAfterHandshake = (): (() => void) => replace(RateLimiter.prototype, 'admits', () => () => true)

const noIdentityDeadline = (): (() => void) =>
  replace(Registry.prototype, 'established', (original) => {
    return function (this: Registry, peer, now) {
      original.call(this, peer, now + 1e12)
    }
  })

const knownByAddress = (): (() => void) => {
  const newest = perOwner((_lifecycle: Lifecycle) => new Map<string, ConnectionHandle>())
  const places = perOwner((_lifecycle: Lifecycle) => new Map<ConnectionHandle, string>())
  return all(
    replace(Lifecycle.prototype, 'established', (original) => {
      return function (this: Lifecycle, link, now) {
        newest(this).set(addressText(link.remote), link.handle)
        places(this).set(link.handle, addressText(link.remote))
        original.call(this, link, now)
      }
    }),
    replace(Lifecycle.prototype, 'lost', (original) => {
      return function (this: Lifecycle, handle, reason) {
        original.call(this, newest(this).get(places(this).get(handle) ?? '') ?? handle, reason)
      }
    }),
  )
}

/** All planted bugs, by the incident's causes. */
export const PLANTS = [
  {
    name: 'lock-across-send',
    cause: 1,
    defect:
      'a connection is registered behind a lock that is held until the other end has acknowledged the announcement',
    plant: lockAcrossSend,
  },
  {
    name: 'hello-dropped-with-bulk',
    cause: 2,
    defect: 'HELLO is dropped, and taken for sent, while bulk data is being received',
    plant: helloDroppedWithBulk,
  },
  {
    name: 'events-by-address',
    cause: 3,
    defect: 'connected is announced once for each remote address, for ever',
    plant: eventsByAddress,
  },
  {
    name: 'announced-early',
    cause: 4,
    defect: 'the table that sending looks at has a connection only after it was asked for it once',
    plant: announcedEarly,
  },
  {
    name: 'lossy-broadcast',
    cause: 5,
    defect: 'each 64th event is lost, and nobody is told',
    plant: lossyBroadcast,
  },
  {
    name: 'rate-after-handshake',
    cause: 6,
    defect: 'the rate of an address is not looked at before its handshakes, and nothing happens after them',
    plant: rateAfterHandshake,
  },
  {
    name: 'no-identity-deadline',
    cause: 7,
    defect: 'who never says HELLO is never sent away',
    plant: noIdentityDeadline,
  },
  {
    name: 'known-by-address',
    cause: 8,
    defect: 'the end of a connection removes the newest one of its remote address',
    plant: knownByAddress,
  },
] as const satisfies readonly Plant[]

export type PlantName = (typeof PLANTS)[number]['name']

/** Plants a bug; returns what takes it out again. */
export const planted = (name: PlantName): (() => void) =>
  PLANTS.find((plant) => plant.name === name)?.plant() ?? (() => {})
