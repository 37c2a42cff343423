// A chart as SVG text: lines over time, with their scale and a legend, in colours of the page it stands in. Needs no script and no network.

/** One line; points without a value are gaps. */
export interface Line {
  readonly name: string
  readonly points: readonly { readonly atMs: number; readonly value: number | null }[]
}

/** What a chart shows. */
export interface ChartOptions {
  readonly title: string
  readonly unit: string
  readonly lines: readonly Line[]
}

const WIDTH = 640
const HEIGHT = 220
const LEFT = 64
const BOTTOM = 28
const TOP = 12
const RIGHT = 12

/** A figure with the chart, its legend and, for those who do not see it, its range in words. */
export const chart = ({ title, unit, lines }: ChartOptions): string => {
  const all = lines.flatMap(({ points }) => points)
  const values = all.flatMap(({ value }) => (value === null ? [] : [value]))
  if (values.length === 0) return figure(title, '<p>Nothing was measured.</p>')
  const endMs = Math.max(1, ...all.map(({ atMs }) => atMs))
  const top = niceTop(values.reduce((most, value) => Math.max(most, value), 0))
  const x = (atMs: number): number => LEFT + (atMs / endMs) * (WIDTH - LEFT - RIGHT)
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP)
  const grid = [0, 0.5, 1].map((share) => gridLine(y(top * share), `${numeral(top * share)} ${unit}`)).join('')
  const paths = lines.map(({ points }, at) => `<path class="line l${at}" d="${pathOf(points, x, y)}"/>`).join('')
  const least = values.reduce((a, b) => Math.min(a, b))
  const most = values.reduce((a, b) => Math.max(a, b))
  const words = `${title}: from ${numeral(least)} to ${numeral(most)} ${unit} in ${minutes(endMs)}`
  const svg =
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(words)}">${grid}${paths}` +
    `<text class="scale" x="${LEFT}" y="${HEIGHT - 8}">0</text>` +
    `<text class="scale" x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end">${minutes(endMs)}</text></svg>`
  const legend = lines.map(({ name }, at) => `<li class="l${at}">${escape(name)}</li>`).join('')
  return figure(title, `${svg}<ul class="legend">${legend}</ul>`)
}

/** Text as it stands in a page. */
export const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const figure = (title: string, body: string): string =>
  `<figure><figcaption>${escape(title)}</figcaption>${body}</figure>`

const gridLine = (y: number, text: string): string =>
  `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/>` +
  `<text class="scale" x="${LEFT - 6}" y="${(y + 4).toFixed(1)}" text-anchor="end">${escape(text)}</text>`

const pathOf = (points: Line['points'], x: (atMs: number) => number, y: (value: number) => number): string => {
  let path = ''
  let isDown = false
  for (const { atMs, value } of points) {
    if (value !== null) path += `${isDown ? 'L' : 'M'}${x(atMs).toFixed(1)} ${y(value).toFixed(1)}`
    isDown = value !== null
  }
  return path
}

/** The least of 1, 2 and 5 times a power of ten that is not below. */
const niceTop = (value: number): number => {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power
}

const numeral = (value: number): string =>
  value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString('en') : value.toPrecision(2)

const minutes = (ms: number): string => (ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`)
