// A registry with short ways to play events to it, and its outputs as lines of text.
import { unreachable } from '../../../src/core/assert.ts'
import { Counters, type Direction } from '../../../src/core/counters.ts'
import { type ConnectionHandle, connectionHandle, type PeerId, peerIdOf } from '../../../src/core/ids.ts'
import { Shares } from '../../../src/core/gate/shares.ts'
import type { Hello } from '../../../src/core/messages/hello.ts'
import { Registry, type RegistryConfig, type RegistryOutput } from '../../../src/core/peers/registry.ts'

export const peer = (n: number): PeerId => peerIdOf(new Uint8Array(32).fill(n))

/** Between peer(4) and peer(6). */
export const SELF = peer(5)

export const handleOf = (n: number): ConnectionHandle => connectionHandle(n)

export const hello = (incarnation: string): Hello => ({
  version: 1,
  userAgent: 'test',
  incarnation: new Uint8Array(8).fill(incarnation.charCodeAt(0)),
  capability: 'node',
  addresses: [],
  observed: null,
})

export const CONFIG: RegistryConfig = {
  self: SELF,
  connectionsMax: 100,
  connectionsPerPeerMax: 4,
  identityTimeoutMs: 5000,
  idleAfterMs: 60_000,
  goAwayMs: 30_000,
  goAwayLingerMs: 1000,
  keepAliveDiallerMs: 10_000,
  keepAliveAcceptorMs: 25_000,
}

export class Played {
  readonly counters = new Counters()
  readonly registry: Registry
  readonly shares = new Shares({ connectionsMax: CONFIG.connectionsMax, perHostMax: 10, networkShare: 1 })
  readonly remote = { family: 4, ip: '192.0.2.1', port: 9000 } as const

  constructor(change: Partial<RegistryConfig> = {}) {
    this.registry = new Registry({ ...CONFIG, ...change }, this.counters, this.shares)
  }

  established(direction: Direction, peerId: PeerId, now = 0): ConnectionHandle {
    const handle = this.registry.draw(direction)
    this.registry.established({ handle, direction, peerId, remote: this.remote }, now)
    return handle
  }

  identified(direction: Direction, peerId: PeerId, now = 0, incarnation = 'a'): ConnectionHandle {
    const handle = this.established(direction, peerId, now)
    this.registry.identified(handle, hello(incarnation), now)
    return handle
  }

  outputs(): RegistryOutput[] {
    const all: RegistryOutput[] = []
    for (let output = this.registry.poll(); output !== null; output = this.registry.poll()) all.push(output)
    this.registry.checkInvariants()
    return all
  }

  take(): string[] {
    return this.outputs().map(line)
  }
}

const line = (output: RegistryOutput): string => {
  switch (output.kind) {
    case 'close':
    case 'goaway':
      return `${output.kind} ${output.handle} ${output.code}`
    case 'keep-alive':
      return `keep-alive ${output.handle} ${output.everyMs}`
    case 'identified':
      return `identified ${output.info.connection}`
    case 'migrated':
      return `migrated ${output.info.connection} ${output.info.remote.port}`
    case 'ended':
      return `ended ${output.handle}`
    case 'connected':
      return `connected ${output.info.peerId}`
    case 'disconnected':
      return `disconnected ${output.peerId}`
    default:
      return unreachable(output)
  }
}
