// Plots as SVG text: lines over time, with published points beside them, and nothing that a page would have to load.

/** One line of a plot, or points that stand alone. */
export interface Line {
  readonly name: string
  readonly colour: string
  /** Across and up; what is not a number is left out. */
  readonly points: readonly (readonly [number, number])[]
  readonly isDashed?: boolean
  readonly isDotted?: boolean
}

/** What a plot is. */
export interface Plot {
  readonly title: string
  readonly across: string
  readonly up: string
  readonly lines: readonly Line[]
}

const WIDTH = 720
const HEIGHT = 300
const LEFT = 60
const RIGHT = 520
const TOP = 40
const BOTTOM = 250
const TICKS = 4

/** A plot as an SVG document. */
export const svgOf = ({ title, across, up, lines }: Plot): string => {
  const all = lines.flatMap(({ points }) => points.filter(isPoint))
  const right = Math.max(1e-9, ...all.map(([x]) => x))
  const top = rounded(Math.max(1e-9, ...all.map(([, y]) => y)))
  const x = (value: number): string => (LEFT + ((RIGHT - LEFT) * value) / right).toFixed(1)
  const y = (value: number): string => (BOTTOM - ((BOTTOM - TOP) * value) / top).toFixed(1)
  const ticks = Array.from({ length: TICKS + 1 }, (_, n) => n / TICKS)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/><text x="${LEFT}" y="20" font-size="14">${escaped(title)}</text>`,
    ...ticks.map((part) => {
      const [across_, up_] = [number(right * part), number(top * part)]
      return `<text x="${x(right * part)}" y="${BOTTOM + 16}" text-anchor="middle" fill="#555">${across_}</text><text x="${LEFT - 6}" y="${Number(y(top * part)) + 4}" text-anchor="end" fill="#555">${up_}</text><path d="M${LEFT} ${y(top * part)}H${RIGHT}" stroke="#ddd"/>`
    }),
    `<text x="${RIGHT}" y="${BOTTOM + 34}" text-anchor="end" fill="#555">${escaped(across)}</text><text x="4" y="${TOP - 6}" fill="#555">${escaped(up)}</text>`,
    ...lines.map((line, n) => lineOf(line, { x, y, label: TOP + 10 + 18 * n })),
    '</svg>',
  ].join('\n')
}

const lineOf = (
  { name, colour, points, isDashed = false, isDotted = false }: Line,
  at: { readonly x: (value: number) => string; readonly y: (value: number) => string; readonly label: number },
): string => {
  const places = points.filter(isPoint).map(([x, y]) => [at.x(x), at.y(y)] as const)
  const path = places.map(([x, y], n) => `${n === 0 ? 'M' : 'L'}${x} ${y}`).join('')
  const stroke = `stroke="${colour}" stroke-width="2"${isDashed ? ' stroke-dasharray="5 4"' : ''}`
  const dots = places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`).join('')
  return [
    isDotted ? '' : `<path d="${path}" fill="none" ${stroke}/>`,
    dots,
    `<circle cx="${RIGHT + 14}" cy="${at.label - 4}" r="4" fill="${colour}"/><text x="${RIGHT + 24}" y="${at.label}">${escaped(name)}</text>`,
  ].join('')
}

const isPoint = ([x, y]: readonly [number, number]): boolean => Number.isFinite(x) && Number.isFinite(y)

/** Up to a round number. */
const rounded = (value: number): number => {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 1.5, 2, 3, 4, 6, 8].find((times) => times * power >= value) ?? 10) * power
}

const number = (value: number): string => (value >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(2))

/** Text as it stands in an SVG document. */
export const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
