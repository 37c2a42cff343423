// The charts: the last ten minutes, drawn by uPlot, each with a line of text that says its last values, for whoever does not see it.
import type uPlotClass from 'uplot'
import type { Columns, Point } from '../shown.ts'
import { element, ms, rate, size } from './words.ts'

/** Its script is loaded before this one runs. */
declare const uPlot: typeof uPlotClass

interface Line {
  readonly name: string
  readonly column: keyof Point
}

interface ChartSpec {
  readonly title: string
  readonly lines: readonly Line[]
  readonly say: (value: number | null | undefined) => string
}

const SPECS: readonly ChartSpec[] = [
  {
    title: 'Verdicts of the gate',
    say: rate,
    lines: [
      { name: 'slots', column: 'slots' },
      { name: 'retries', column: 'retries' },
      { name: 'refused', column: 'refused' },
      { name: 'dropped', column: 'dropped' },
      { name: 'others', column: 'otherVerdicts' },
    ],
  },
  {
    title: 'Handshakes',
    say: rate,
    lines: [
      { name: 'accepted', column: 'accepted' },
      { name: 'identified', column: 'identified' },
      { name: 'failed', column: 'failed' },
      { name: 'closed', column: 'closed' },
    ],
  },
  {
    title: 'Identity and handshake times',
    say: ms,
    lines: [
      { name: 'identity p50', column: 'identityP50Ms' },
      { name: 'identity p99', column: 'identityP99Ms' },
      { name: 'handshake p99', column: 'handshakeP99Ms' },
    ],
  },
  {
    title: 'Event-loop and signing delay',
    say: ms,
    lines: [
      { name: 'event loop p99', column: 'eventLoopP99Ms' },
      { name: 'signing', column: 'signingDelayMs' },
    ],
  },
  {
    title: 'Lanes',
    say: (value) => String(value ?? 0),
    lines: [
      { name: 'in lanes', column: 'laneDepth' },
      { name: 'without a place', column: 'laneWaiting' },
    ],
  },
  {
    title: 'Chunks held for others, and files of its own',
    say: rate,
    lines: [
      { name: 'chunks stored', column: 'chunksStored' },
      { name: 'turned away', column: 'chunksTurnedAway' },
      { name: 'given', column: 'chunksGiven' },
      { name: 'uploads', column: 'uploads' },
      { name: 'downloads', column: 'downloads' },
    ],
  },
  {
    title: 'Traffic',
    say: (value) => `${size(value ?? 0)}/s`,
    lines: [
      { name: 'received', column: 'bytesReceived' },
      { name: 'sent', column: 'bytesSent' },
    ],
  },
]

const COLOURS = ['--one', '--two', '--three', '--four', '--five'] as const
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 4]]
const HEIGHT = 150

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

/** All charts of the page. */
export class Charts {
  readonly #figures = SPECS.map((spec) => new Figure(spec))

  constructor() {
    element('charts').replaceChildren(...this.#figures.map(({ figure }) => figure))
    // Lines, axes and grids are painted: they do not follow the colours of the page by themselves.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#repaint())
    new ResizeObserver(() => {
      for (const figure of this.#figures) figure.fit()
    }).observe(element('charts'))
  }

  show(columns: Columns): void {
    for (const figure of this.#figures) figure.show(columns)
  }

  #repaint(): void {
    for (const figure of this.#figures) figure.repaint()
  }
}

class Figure {
  readonly figure = document.createElement('figure')
  readonly #spec: ChartSpec
  readonly #drawing = document.createElement('div')
  readonly #told = document.createElement('p')
  #plot: uPlotClass | null = null
  #columns: Columns = {}

  constructor(spec: ChartSpec) {
    this.#spec = spec
    const caption = document.createElement('figcaption')
    caption.textContent = spec.title
    this.#drawing.setAttribute('aria-hidden', 'true')
    this.#told.className = 'told'
    this.figure.append(caption, this.#drawing, this.#told)
  }

  show(columns: Columns): void {
    this.#columns = columns
    const { lines, say } = this.#spec
    const values = lines.map(({ name, column }) => `${name} ${say(columns[column]?.at(-1))}`)
    this.#told.textContent = `Now: ${values.join(', ')}`
    this.#plot ??= this.#made()
    this.#plot.setData(this.#data())
  }

  fit(): void {
    this.#plot?.setSize({ width: this.#width, height: HEIGHT })
  }

  repaint(): void {
    this.#plot?.destroy()
    this.#plot = null
    this.show(this.#columns)
  }

  #data(): uPlotClass.AlignedData {
    const times = (this.#columns.at ?? []).map((at) => (at ?? 0) / 1000)
    return [times, ...this.#spec.lines.map(({ column }) => [...(this.#columns[column] ?? [])])]
  }

  #made(): uPlotClass {
    const colour = (name: string): string => resolved(this.figure, name)
    const axis = { stroke: colour('--faint'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } }
    const { lines, say } = this.#spec
    const values: uPlotClass.Axis.Values = (_plot, splits) => splits.map((split) => say(split))
    const options: uPlotClass.Options = {
      width: this.#width,
      height: HEIGHT,
      cursor: { show: false },
      legend: { show: true, live: false },
      scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] } },
      axes: [
        { ...axis, space: 75, values: (_plot, splits) => splits.map((seconds) => clock.format(seconds * 1000)) },
        { ...axis, size: 70, values },
      ],
      series: [
        {},
        ...lines.map(({ name }, i) => ({
          label: name,
          stroke: colour(COLOURS[i] ?? '--one'),
          dash: DASHES[i] ?? [],
          width: 2,
          spanGaps: true,
        })),
      ],
    }
    return new uPlot(options, this.#data(), this.#drawing)
  }

  get #width(): number {
    return Math.max(200, this.figure.clientWidth - 34)
  }
}

/** A colour of the page as it is now, light or dark. */
const resolved = (within: HTMLElement, name: string): string => {
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  within.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}
