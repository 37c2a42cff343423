// The verdict in figures: whether ours is flat and loses nobody, whether each historical path is worse, and by which of its causes.
import type { Replay } from './record.ts'
import { seconds } from './text.ts'
import { type Period, quantile } from './tally.ts'

/** Ours has to end no slower than so many times its beginning, and a historical path is worse by more than that. */
export const FLAT_MAX = 1.05

/** What a replay came to. */
export interface Summary {
  readonly path: Replay['path']
  /** Medians of uploads, in seconds: of the first period that had any, and of the last. */
  readonly first: number
  readonly last: number
  readonly gap: number
  readonly timedOut: number
  /** Virtual hours. */
  readonly hours: number
}

export const summaryOf = ({ path, periods }: Replay): Summary => {
  const medians = periods.map(({ uploads }) => quantile(uploads, 0.5)).filter((median) => !Number.isNaN(median))
  const last = periods.at(-1)
  return {
    path,
    first: medians[0] ?? NaN,
    // Whoever finishes no upload in the last period takes at least as long as that.
    last: last === undefined || last.uploads.length === 0 ? Infinity : (medians.at(-1) ?? NaN),
    gap: last?.gap ?? 0,
    timedOut: periods.reduce((total, { exchangesTimedOut }) => total + exchangesTimedOut, 0),
    hours: (last?.ms ?? 0) / 3_600_000,
  }
}

/** The verdict, and whether it holds: ours flat, without a gap and without an identity lost, and each historical path worse. */
export const verdictOf = (replays: readonly Replay[]): { text: string; holds: boolean } => {
  const summaries = replays.map(summaryOf)
  const ours = summaries.find(({ path }) => path === 'sallyport')
  const isFlat = ours !== undefined && ours.last <= FLAT_MAX * ours.first && ours.gap === 0 && ours.timedOut === 0
  const others = summaries.filter(({ path }) => path !== 'sallyport')
  const areWorse = others.every(({ last }) => ours !== undefined && last > FLAT_MAX * ours.last)
  const text = summaries
    .map(
      ({ path, first, last, gap, timedOut, hours }) =>
        `${path} ${seconds(first)} → ${seconds(last)} in ${hours.toFixed(1)} h, unread ${gap}, identities lost ${timedOut}`,
    )
    .join(' · ')
  return { text: `${text} · ${isFlat && areWorse ? 'holds' : 'does not hold'}`, holds: isFlat && areWorse }
}

/** One of the incident's causes, and what shows that a replay suffers from it. */
export interface Symptom {
  readonly cause: number
  readonly name: string
  readonly figure: (period: Period) => number
  /** Above it the symptom is there. */
  readonly above: number
  readonly unit: string
}

/** Those that this workload can show. */
export const SYMPTOMS: readonly Symptom[] = [
  { cause: 1, name: 'longest time a lock was held', figure: ({ heldMs }) => heldMs / 1000, above: 1, unit: 's' },
  {
    cause: 1,
    name: 'longest time a sender stood before it',
    figure: ({ senderWaitMs }) => senderWaitMs / 1000,
    above: 1,
    unit: 's',
  },
  {
    cause: 1,
    name: 'longest time the accept loop stood before it',
    figure: ({ lockWaitMs }) => lockWaitMs / 1000,
    above: 1,
    unit: 's',
  },
  { cause: 1, name: 'most that stood in its line', figure: ({ queueDepth }) => queueDepth, above: 2, unit: '' },
  {
    cause: 2,
    name: 'messages dropped in full shards',
    figure: ({ messagesDropped }) => messagesDropped,
    above: 0,
    unit: '',
  },
  { cause: 3, name: 'events swallowed', figure: ({ swallowed }) => swallowed, above: 0, unit: '' },
  { cause: 8, name: 'entries of connections that were gone', figure: ({ stale }) => stale, above: 0, unit: '' },
]

/** The most a symptom came to in any period. */
export const worstOf = ({ figure }: Symptom, { periods }: Replay): number => Math.max(0, ...periods.map(figure))
