// What happened so far, as plain numbers with closed sets of labels. Each is raised by the room that does the thing, so that a step left
// out shows as a gap: accepted where a connection reports its handshake finished, registered in the registry's one insert, reading where
// the reader is armed. All are cumulative and start at 0; a snapshot is a deep copy. docs/metrics.md describes each; a test compares.
import { assert } from './assert.ts'
import { CLOSE_NAMES, type CloseName } from './messages/codes.ts'

/** Who dialled, seen from this node: the peer (`inbound`) or we (`outbound`). */
export type Direction = 'inbound' | 'outbound'

/** Why a datagram of no known connection was dropped without an answer. */
export const DROP_REASONS = [
  'closing',
  'not-quic',
  'initial-too-small',
  'id-too-short',
  'unknown-connection',
  'not-opened',
  'late',
  'crowd',
  'retries-spent',
  'resets-spent',
] as const
export type DropReason = (typeof DROP_REASONS)[number]

/** Why a handshake was refused before it began. */
export const REFUSE_REASONS = ['denied', 'rate', 'slots-full', 'share-full', 'connections-full'] as const
export type RefuseReason = (typeof REFUSE_REASONS)[number]

/** What a source has shown of itself: nothing, that it answers a Retry, that it was here before (NEW_TOKEN), or that it is on this machine. */
export const STANDINGS = ['stranger', 'retry', 'new-token', 'trusted'] as const
export type Standing = (typeof STANDINGS)[number]

/**
 * Why a handshake that had begun did not finish. `superseded` is no failure: the dialler withdrew it because the other end's own dial
 * had made the connection.
 */
export const HANDSHAKE_FAILURES = [
  'deadline',
  'refused',
  'identity',
  'tls',
  'transport',
  'version',
  'cancelled',
  'superseded',
  'displaced',
] as const
export type HandshakeFailure = (typeof HANDSHAKE_FAILURES)[number]

/** How an established connection ended: closed by whose word, for a breach of QUIC by whose finding, or without a word. */
export const ENDINGS = [
  'closed-here',
  'closed-by-peer',
  'breach-found-here',
  'breach-found-by-peer',
  'idle',
  'stateless-reset',
  'dropped',
] as const
export type EndingKind = (typeof ENDINGS)[number]

/** What became of a chunk that a peer gave us to hold, and of the question for one. */
export const TAKEN = ['stored', 'already', 'busy', 'refused'] as const
export type Taken = (typeof TAKEN)[number]
export const GIVEN = ['found', 'absent', 'busy', 'refused'] as const
export type Given = (typeof GIVEN)[number]

/** How an upload or a download of this node ended. */
export const TRANSFER_ENDS = ['done', 'failed'] as const

type ByDirection = Record<Direction, number>

type FailuresIn = Record<Exclude<HandshakeFailure, 'version'>, number>
type FailuresOut = Record<Exclude<HandshakeFailure, 'displaced'>, number>

/** The counters of one node; written by their rooms, read through `snapshot`. */
export class Counters {
  /** Datagrams of unknown connections that the gate judged; always the sum of the verdicts. */
  judged = 0
  slots = 0
  versionNegotiations = 0
  retries = 0
  invalidTokens = 0
  resets = 0
  /** Second datagrams of a first flight that was judged a moment before. */
  repeats = 0
  readonly dropped: Record<DropReason, number> = zeros(DROP_REASONS)
  readonly refused: Record<RefuseReason, number> = zeros(REFUSE_REASONS)
  /** The slots again, by what their sources had shown. */
  readonly slotsByStanding: Record<Standing, number> = zeros(STANDINGS)
  /** Refusals, INVALID_TOKEN and Version Negotiation that were not sent, because so many were. */
  unanswered = 0
  /** Inbound handshakes and connections of validated addresses that came to nothing: never finished, never introduced, or fallen silent. */
  wasted = 0
  /** Times an established connection's peer proved to be at another address. */
  migrated = 0
  /** Established connections that gave way to a newcomer. */
  evicted = 0

  readonly handshakesBegun: ByDirection = both()
  /** Only a dialler is told that there is no common version, and only an acceptor has slots that others need. */
  readonly handshakesFailed: { readonly inbound: FailuresIn; readonly outbound: FailuresOut } = {
    inbound: zeros(HANDSHAKE_FAILURES.filter((failure) => failure !== 'version')),
    outbound: zeros(HANDSHAKE_FAILURES.filter((failure) => failure !== 'displaced')),
  }

  /** Handshakes that finished, then inserts into the registry, then readers armed: equal after every turn. */
  readonly accepted: ByDirection = both()
  /** Of the accepted ones, those that came back with a ticket: nobody signed. */
  readonly resumed: ByDirection = both()
  readonly registered: ByDirection = both()
  readonly reading: ByDirection = both()
  readonly identified: ByDirection = both()
  readonly closed: ByDirection = both()
  /** The closed ones again, by how they ended. */
  readonly ended: Record<EndingKind, number> = zeros(ENDINGS)
  /** Connections this node decided to close once they were established, by the code it gives as the reason. */
  readonly closedFor: Record<CloseName, number> = zeros(CLOSE_NAMES)

  /** Dials of ours that did not begin because their address had failed, or their host had not answered too often. */
  dialsTooSoon = 0
  identityTimeouts = 0
  /** Peers the application's policy refused, those it failed on included. */
  policyRefused = 0
  /** Times the policy threw. */
  policyFailures = 0
  duplicates = 0
  restarts = 0
  /** Events about a connection that was closed before they came. */
  eventsAboutClosed = 0
  /** Events that did not fit the state of a living connection, such as the same one twice. */
  eventsRepeated = 0
  reconcilerDifferences = 0

  requestsSent = 0
  requestsServed = 0
  /** Inbound requests answered `busy` because a bound was reached. */
  requestsBusy = 0
  /** Messages without an answer, received whole. */
  messagesServed = 0
  /** Handlers that were told to stop because their time was over. */
  handlerTimeouts = 0
  /** Inbound streams reset because their peer neither wrote nor read for too long. */
  streamsStalled = 0
  /** Messages in assembly and answers given up, because others needed the room and their hosts had used too much of it, or they were slow. */
  streamsDisplaced = 0
  /** PINGs without an answer, because their peer reads none. */
  pingsUnanswered = 0
  /** Handlers that threw or rejected, and other supervised tasks that failed; each is an event too. */
  taskFailures = 0
  /** Events a slow subscriber missed. */
  subscriberLag = 0
  /** Times a stream was left unread for a while because its lane was full. */
  laneFull = 0
  /** Connections closed because the peer broke the protocol. */
  badMessages = 0

  /** Chunks that peers gave us to hold, and asked us for, by what became of it. */
  readonly chunksTaken: Record<Taken, number> = zeros(TAKEN)
  readonly chunksGiven: Record<Given, number> = zeros(GIVEN)
  /** Files of this node's own, by how that ended. */
  readonly uploads: Record<(typeof TRANSFER_ENDS)[number], number> = zeros(TRANSFER_ENDS)
  readonly downloads: Record<(typeof TRANSFER_ENDS)[number], number> = zeros(TRANSFER_ENDS)

  udpDatagramsSent = 0
  udpDatagramsReceived = 0
  udpBytesSent = 0
  udpBytesReceived = 0
  /** Packets of known connections that were thrown away: forged, damaged, repeated, or too early or late to be read. */
  packetsDiscarded = 0
  /** Errors a socket reported; a datagram that could not be sent counts as lost on the way. */
  udpErrors = 0
  /** Datagrams the kernel dropped because a receive buffer was full; 0 where it does not say. */
  kernelDrops = 0

  /** Counts a handshake that failed; one of a kind that its direction does not know is a mistake of ours. */
  handshakeFailed(direction: Direction, failure: HandshakeFailure): void {
    const failed: Partial<Record<HandshakeFailure, number>> = this.handshakesFailed[direction]
    const before = failed[failure]
    assert(before !== undefined, 'a handshake fails in a way that its direction knows')
    failed[failure] = before + 1
  }

  snapshot(): CounterSnapshot {
    return copyTree(this) as unknown as CounterSnapshot
  }
}

/** The numbers of `Counters` at one moment. */
export type CounterSnapshot = Readonly<Omit<Counters, 'snapshot' | 'handshakeFailed'>>

/** All verdicts of the gate together: equal to `judged`. */
export const verdictsOf = (counters: CounterSnapshot): number =>
  counters.slots +
  counters.versionNegotiations +
  counters.retries +
  counters.invalidTokens +
  counters.resets +
  counters.repeats +
  sum(counters.dropped) +
  sum(counters.refused)

/** The sum of a record of numbers. */
export const sum = (numbers: Readonly<Record<string, number>>): number => {
  let total = 0
  for (const n of Object.values(numbers)) total += n
  return total
}

const both = (): ByDirection => ({ inbound: 0, outbound: 0 })

const zeros = <Label extends string>(labels: readonly Label[]): Record<Label, number> =>
  Object.fromEntries(labels.map((label) => [label, 0])) as Record<Label, number>

type Tree = { [label: string]: number | Tree }

const copyTree = (tree: object): Tree => {
  const copy: Tree = {}
  for (const [label, value] of Object.entries(tree)) copy[label] = typeof value === 'number' ? value : copyTree(value)
  return copy
}
