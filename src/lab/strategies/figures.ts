// What is measured of an accept path, each figure with its aim. The three name different failures, so that a control experiment can
// fail on its own one alone; the gap at a moment is open under every one of them and would tell none from another.

/** What a modelled accept path notes of itself while it runs. Production has no lock and no line to note, and leaves all at 0. */
export class Figures {
  /** The longest the accept loop stood before a lock, in milliseconds: meanwhile it took up nobody. */
  lockWaitMs = 0
  /** The most tasks that stood in line for one lock at one time, ahead of the readers. */
  queueDepth = 0
  /** Connections that were lost before their turn came: a map without an owner keeps an entry of each for ever. */
  stale = 0
  /** Connections the accept path let fall because a queue was full. */
  dropped = 0
  /** The longest one lock was held, in milliseconds. */
  heldMs = 0
  /** The longest a sender or a consumer stood in line for a lock, in milliseconds. */
  senderWaitMs = 0
  /** Inbound connections that got into the maps, and are read. */
  entered = 0
  /** Connections whose event was swallowed: their address had been seen before, and nobody announced to them. */
  swallowed = 0
  /** Messages that found their shard full, after the transport had acknowledged them. */
  messagesDropped = 0
}

/** One trial's result. `gap` is accepted − reading once the crowd has come and every lock is free again: who will never be read. */
export interface Measures {
  readonly lockWaitMs: number
  readonly queueDepth: number
  readonly gap: number
}

/** No figure may be above its aim. */
export const AIMS: Measures = Object.freeze({
  /** The accept path never waits. */
  lockWaitMs: 0,
  /** A fixed cast of tasks, the one that registers and the monitor; a longer line is one that grows with the crowd. */
  queueDepth: 2,
  /** Whoever was accepted is read. */
  gap: 0,
})

/** The figures above their aims, by name. */
export const missedAims = (measures: Measures): (keyof Measures)[] =>
  (['lockWaitMs', 'queueDepth', 'gap'] as const).filter((name) => measures[name] > AIMS[name])
