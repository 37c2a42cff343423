// An observer that looks at what a test wants to see.
import type { Observer } from '../../../src/core/quic/observer.ts'

const nothing = (): void => {}

/** Sees what is given, and nothing else. */
export const watching = (seen: Partial<Observer>): Observer => ({
  began: nothing,
  packetSent: nothing,
  packetReceived: nothing,
  packetDropped: nothing,
  packetLost: nothing,
  recovery: nothing,
  parameters: nothing,
  agreed: nothing,
  closed: nothing,
  gone: nothing,
  ...seen,
})
