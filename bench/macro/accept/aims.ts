// What the accept benchmark is to show, and which of it a run did not.
import type { Figure, Summary } from './summary.ts'

/** What a run measured. */
export interface Run {
  readonly connections: number
  /** The cryptography of one handshake alone, CPU milliseconds. */
  readonly floorMs: number
  readonly summaries: readonly Summary[]
}

/** Half-open handshakes may slow the slowest honest client down so much, as in the sieges. */
const LOADED_RATIO = 2
/** A handshake and everything around it, over the cryptography in it. */
const FLOOR_RATIO = 1.6
/** Of an idle established connection. */
const CONNECTION_KB = 40

/** Each missed aim in one line. */
export const missedAims = ({ connections, floorMs, summaries }: Run): string[] => {
  const [first] = summaries
  if (first === undefined) return ['nothing was measured']
  const ours = summaries.filter((each) => isSameSetup(each, first))
  const quiet = ours.find((each) => each.case.silent === 0)
  return [
    ...ours.flatMap((each) => everybodyIn(each, connections)),
    ...(quiet === undefined ? [] : ours.flatMap((loaded) => notSlowedDown(loaded, quiet))),
    ...(quiet === undefined ? [] : costs(quiet, floorMs)),
    ...(quiet === undefined ? [] : summaries.flatMap((peer) => aheadOf(quiet, peer))),
  ]
}

const isSameSetup = (one: Summary, other: Summary): boolean =>
  one.case.adapter === other.case.adapter && one.case.setup === other.case.setup

const everybodyIn = ({ case: { silent }, connected, failure }: Summary, connections: number): string[] => {
  const fewest = Math.min(...connected, connections)
  if (failure === null && connected.length > 0 && fewest === connections) return []
  return [
    `with ${silent} silent, all of ${connections} connect in every round: ${fewest} did, ${failure ?? 'no failure'}`,
  ]
}

const notSlowedDown = (loaded: Summary, quiet: Summary): string[] => {
  const ratio = ratioOf(loaded.p99Ms, quiet.p99Ms)
  const what = `with ${loaded.case.silent} silent, p99 from dial to echo at most ${LOADED_RATIO} times the quiet one`
  return ratio !== null && ratio <= LOADED_RATIO ? [] : [`${what}: × ${ratio?.toFixed(2) ?? '–'}`]
}

const costs = ({ serverCpuMs, connectionKb }: Summary, floorMs: number): string[] => {
  const missed: string[] = []
  const ratio = serverCpuMs === null ? null : serverCpuMs.median / floorMs
  if (ratio === null || ratio > FLOOR_RATIO)
    missed.push(`server CPU at most ${FLOOR_RATIO} times its cryptography alone: × ${ratio?.toFixed(2) ?? '–'}`)
  if (connectionKb === null || connectionKb.median > CONNECTION_KB)
    missed.push(`memory at most ${CONNECTION_KB} KB a connection: ${connectionKb?.median.toFixed(0) ?? '–'} KB`)
  return missed
}

/** Ahead of js-libp2p over either transport, with its limits raised, quiet. */
const aheadOf = (ours: Summary, peer: Summary): string[] => {
  const { adapter, setup, silent } = peer.case
  if (!adapter.startsWith('libp2p-') || setup !== 'raised' || silent !== 0) return []
  const compared = [
    { what: 'connections per second above', ratio: ratioOf(peer.perSecond, ours.perSecond) },
    { what: 'server CPU below', ratio: ratioOf(ours.serverCpuMs, peer.serverCpuMs) },
    { what: 'memory below', ratio: ratioOf(ours.connectionKb, peer.connectionKb) },
  ]
  return compared.flatMap(({ what, ratio }) =>
    ratio !== null && ratio < 1 ? [] : [`${what} that of ${peer.peer.title}: × ${ratio?.toFixed(2) ?? '–'}`],
  )
}

const ratioOf = (over: Figure | null, under: Figure | null): number | null =>
  over === null || under === null ? null : over.median / under.median
