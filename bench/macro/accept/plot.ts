// The accept run as one SVG: a row for each way a server was set up, a bar for each number of silent clients, a line for the range.
import type { Run } from './aims.ts'
import type { Figure, Summary } from './summary.ts'

const WIDTH = 1060
const NAMES_WIDTH = 300
const GAP = 30
const TOP = 96
const BAR = 11
const ROW_GAP = 14
const COLOURS = ['#1f6f8b', '#e0a458', '#b4436c'] as const
const INK = '#222'
const FAINT = '#999'
/** Room right of a bar for its number. */
const LABEL_WIDTH = 46

interface Panel {
  readonly title: string
  readonly digits: number
  readonly of: (summary: Summary) => Figure | null
  /** Whether it was measured with this summary's number of silent clients at all. */
  readonly measured: (summary: Summary) => boolean
}

const PANELS: readonly Panel[] = [
  { title: 'connections per second', digits: 0, of: ({ perSecond }) => perSecond, measured: () => true },
  { title: 'server CPU, ms a connection', digits: 2, of: ({ serverCpuMs }) => serverCpuMs, measured: () => true },
  {
    title: 'server memory, KB a connection',
    digits: 0,
    of: ({ connectionKb }) => connectionKb,
    measured: ({ connectionKb }) => connectionKb !== null,
  },
]

/** The whole picture. */
export const plotOf = ({ connections, summaries }: Run): string => {
  const levels = [...new Set(summaries.map((each) => each.case.silent))]
  const rows = Map.groupBy(summaries, ({ case: { adapter, setup } }) => `${adapter} ${setup}`)
  const rowHeight = levels.length * BAR + ROW_GAP
  const height = TOP + rows.size * rowHeight + GAP
  const body: string[] = [legend(levels, connections)]
  const panelWidth = (WIDTH - NAMES_WIDTH - PANELS.length * GAP) / PANELS.length
  for (const [n, panel] of PANELS.entries()) {
    const left = NAMES_WIDTH + n * (panelWidth + GAP)
    const max = Math.max(0, ...summaries.map((each) => panel.of(each)?.max ?? 0))
    const scale = max === 0 ? 0 : (panelWidth - LABEL_WIDTH) / max
    body.push(text({ x: left, y: TOP - 14, size: 13 }, panel.title))
    for (const [r, row] of [...rows.values()].entries())
      body.push(...bars({ row, levels, panel, connections, left, scale, top: TOP + r * rowHeight }))
  }
  for (const [r, [first]] of [...rows.values()].entries())
    if (first !== undefined) body.push(...names(first, TOP + r * rowHeight))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif">`,
    `<title>Connections taken in, beside peers and under silent clients</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...body,
    '</svg>',
    '',
  ].join('\n')
}

interface Row {
  readonly row: readonly Summary[]
  readonly levels: readonly number[]
  readonly panel: Panel
  readonly connections: number
  readonly left: number
  readonly scale: number
  readonly top: number
}

const bars = ({ row, levels, panel, connections, left, scale, top }: Row): string[] =>
  row.filter(panel.measured).flatMap((summary) => {
    const level = levels.indexOf(summary.case.silent)
    const y = top + level * BAR
    const figure = panel.of(summary)
    if (figure === null)
      return [text({ x: left + 3, y: y + BAR - 2, size: 9, fill: FAINT }, absence(summary, connections))]
    const [from, to, end] = [figure.min, figure.max, figure.median].map((value) => fixed(left + value * scale))
    const middle = fixed(y + (BAR - 1) / 2)
    return [
      `<rect x="${fixed(left)}" y="${y}" width="${fixed(figure.median * scale)}" height="${BAR - 1}" fill="${colourOf(level)}"/>`,
      `<path d="M${from} ${middle}H${to}M${from} ${y + 2}v6M${to} ${y + 2}v6" stroke="${INK}" stroke-width="1" fill="none"/>`,
      text({ x: Math.max(Number(end), Number(to)) + 4, y: y + BAR - 2, size: 9 }, figure.median.toFixed(panel.digits)),
    ]
  })

const absence = ({ connected }: Summary, connections: number): string => {
  const middle = connected.toSorted((a, b) => a - b)[(connected.length - 1) >> 1]
  return middle === undefined ? 'not measured' : `${middle} of ${connections} connect`
}

const names = ({ peer, setup }: Summary, top: number): string[] => [
  text({ x: 12, y: top + 13, size: 13, weight: 600 }, `${peer.title} ${peer.version}`),
  text({ x: 12, y: top + 28, size: 11, fill: '#555' }, `${peer.identity} · ${setup}`),
]

const legend = (levels: readonly number[], connections: number): string =>
  [
    text({ x: 12, y: 26, size: 16, weight: 600 }, `${connections} connections taken in by one node`),
    ...levels.flatMap((silent, level) => [
      `<rect x="${12 + level * 150}" y="42" width="12" height="12" fill="${colourOf(level)}"/>`,
      text({ x: 30 + level * 150, y: 52, size: 12 }, silent === 0 ? 'nobody silent' : `${silent} silent clients`),
    ]),
  ].join('\n')

const colourOf = (level: number): string => COLOURS[level % COLOURS.length] ?? INK

interface TextStyle {
  readonly x: number
  readonly y: number
  readonly size: number
  readonly fill?: string
  readonly weight?: number
}

const text = ({ x, y, size, fill, weight }: TextStyle, content: string): string =>
  `<text x="${fixed(x)}" y="${fixed(y)}" font-size="${size}" fill="${fill ?? INK}"${weight === undefined ? '' : ` font-weight="${weight}"`}>${escape(content)}</text>`

const fixed = (value: number): string => String(Math.round(value * 10) / 10)

const escape = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
