// A plot of bars as SVG text, one a line.
import { escaped } from './plot.ts'

/** One bar; what is not finite is drawn to the end and said to have none. */
export interface Bar {
  readonly name: string
  readonly value: number
  readonly colour: string
}

const LEFT = 290
const RIGHT = 640
const STEP = 20
const TOP = 40

/** Bars as an SVG document. */
export const barsOf = (title: string, unit: string, bars: readonly Bar[]): string => {
  const height = TOP + STEP * bars.length + 10
  const most = Math.max(1, ...bars.map(({ value }) => (Number.isFinite(value) ? value : 0)))
  const rows = bars.map(({ name, value, colour }, n) => {
    const y = TOP + STEP * n
    const width = ((RIGHT - LEFT) * (Number.isFinite(value) ? value : most)) / most
    const text = Number.isFinite(value) ? `${value.toFixed(0)} ${unit}` : 'none'
    return `<text x="${LEFT - 8}" y="${y + 11}" text-anchor="end">${escaped(name)}</text><rect x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="14" fill="${colour}"/><text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 11}">${text}</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 ${height}" width="720" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="720" height="${height}" fill="#fff"/><text x="10" y="22" font-size="14">${escaped(title)}</text>`,
    ...rows,
    '</svg>',
  ].join('\n')
}
