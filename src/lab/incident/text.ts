// What the replays came to, in words: one line a period, and the verdict in figures.
import type { Path } from './settings.ts'
import { type Period, quantile } from './tally.ts'

/** One period in one line. */
export const periodText = (path: Path, number: number, period: Period): string => {
  const { uploads, coldUploads, exchangesDone, exchangesTimedOut, slowTimedOut, exchangeP99Ms, accepted, gap } = period
  const { heldMs, senderWaitMs, lockWaitMs, queueDepth, swallowed, messagesDropped, stale, busy } = period
  return [
    path.padEnd(10),
    `period ${number}`,
    `upload ${seconds(quantile(uploads, 0.5))} of ${uploads.length}, cold ${seconds(quantile(coldUploads, 0.5))} of ${coldUploads.length}`,
    `identities ${exchangesDone} done, ${exchangesTimedOut} timed out (of slow ones ${slowTimedOut}), p99 ${seconds(exchangeP99Ms / 1000)}`,
    `accepted ${accepted}, unread ${gap}`,
    `lock held ${seconds(heldMs / 1000)}, loop waited ${seconds(lockWaitMs / 1000)}, senders ${seconds(senderWaitMs / 1000)}, line ${queueDepth}`,
    `${swallowed} swallowed, ${stale} stale, ${messagesDropped} messages dropped`,
    `busy ${(100 * busy).toFixed(1)} %`,
  ].join(' · ')
}

export const seconds = (value: number): string => (Number.isNaN(value) ? '–' : `${value.toFixed(1)} s`)
