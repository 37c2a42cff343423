// What the replays came to: one line a period, the verdict in figures, and a page of plots.
import type { Period } from './incident.ts'
import { quantile } from './incident.ts'
import type { Path } from './settings.ts'

/** One accept path's replay. */
export interface Replay {
  readonly path: Path
  readonly periods: readonly Period[]
}

/** Ours has to end no slower than so many times its beginning. */
const FLAT_MAX = 1.05

/** One period in one line. */
export const periodText = (path: Path, number: number, period: Period): string => {
  const { uploads, coldUploads, exchangesDone, exchangesTimedOut, exchangeP99Ms, gap, lockWaitMs, queueDepth } = period
  return [
    path.padEnd(10),
    `period ${number}`,
    `upload ${seconds(quantile(uploads, 0.5))} of ${uploads.length}, cold ${seconds(quantile(coldUploads, 0.5))} of ${coldUploads.length}`,
    `identities ${exchangesDone} done, ${exchangesTimedOut} timed out, p99 ${(exchangeP99Ms / 1000).toFixed(1)} s`,
    `gap ${gap}`,
    `lock wait ${(lockWaitMs / 1000).toFixed(1)} s`,
    `line ${queueDepth}`,
  ].join(' · ')
}

/** The verdict in figures, and whether ours is flat and has no gap, and each historical path is worse. */
export const verdictOf = (replays: readonly Replay[]): { text: string; holds: boolean } => {
  const figures = replays.map(({ path, periods }) => {
    const [first, last] = [periods[0], periods.at(-1)]
    const ends = quantile(last?.uploads ?? [], 0.5)
    return { path, first: quantile(first?.uploads ?? [], 0.5), last: ends, gap: last?.gap ?? 0 }
  })
  const ours = figures.find(({ path }) => path === 'sallyport')
  const isFlat = ours !== undefined && ours.last <= FLAT_MAX * ours.first && ours.gap === 0
  const others = figures.filter(({ path }) => path !== 'sallyport')
  const worse = others.every(({ last, gap }) => ours !== undefined && (last > FLAT_MAX * ours.last || gap > 0))
  const text = figures.map(({ path, first, last, gap }) => `${path} ${seconds(first)} → ${seconds(last)}, gap ${gap}`)
  return { text: text.join(' · '), holds: isFlat && worse }
}

/** A page with one plot: upload time by period. */
export const pageOf = (replays: readonly Replay[], verdict: string): string => {
  const lines = replays.map(({ path, periods }) => ({
    path,
    points: periods.map(({ uploads }) => quantile(uploads, 0.5)),
  }))
  const top = Math.max(1, ...lines.flatMap(({ points }) => points.filter((point) => !Number.isNaN(point))))
  const curves = lines.map(({ path, points }, n) => {
    const places = points.map((point, at) => `${at === 0 ? 'M' : 'L'}${60 + at * 120} ${240 - (200 * point) / top}`)
    const colour = ['#087f5b', '#c92a2a', '#e67700', '#5f3dc4'][n] ?? '#000'
    const label = `<text x="500" y="${40 + 20 * n}" fill="${colour}">${path}</text>`
    return `<path d="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>${label}`
  })
  return `<!doctype html><meta charset="utf-8"><title>The incident, replayed</title><h1>Upload time by period</h1>
<svg width="640" height="270" font-family="sans-serif" font-size="13"><text x="5" y="45">${top.toFixed(0)} s</text><path d="M60 30V240H620" fill="none" stroke="#888"/>${curves.join('')}</svg>
<p>${verdict}</p>`
}

const seconds = (value: number): string => (Number.isNaN(value) ? '–' : `${value.toFixed(1)} s`)
