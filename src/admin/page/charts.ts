// Charts over time, drawn by uPlot, each with a line of text that says its last values, for whoever does not see it.
import type uPlotClass from 'uplot'
import { clock } from './words.ts'

/** Its script is loaded before this one runs. */
declare const uPlot: typeof uPlotClass

/** One line: what it is called, and which column it is. */
interface Line<Column> {
  readonly name: string
  readonly column: Column
}

/** One chart: its lines, five at most, and how a value is said. */
export interface ChartSpec<Column> {
  readonly title: string
  readonly lines: readonly Line<Column>[]
  readonly say: (value: number | null | undefined) => string
}

/** Columns by name, with the times that they belong to as `at`, in ms since 1970. */
type ColumnsOf<Column extends string> = Readonly<Partial<Record<Column | 'at', readonly (number | null)[]>>>

const COLOURS = ['--one', '--two', '--three', '--four', '--five'] as const
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 4]]
const HEIGHT = 150

/** Charts of the same columns. */
export class Charts<Column extends string> {
  readonly #figures: readonly Figure<Column>[]

  /** Puts them behind what is in `into` already. */
  constructor(into: HTMLElement, specs: readonly ChartSpec<Column>[]) {
    this.#figures = specs.map((spec) => new Figure(spec))
    into.append(...this.#figures.map(({ figure }) => figure))
    // Lines, axes and grids are painted: they do not follow the colours of the page by themselves.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#repaint())
    new ResizeObserver(() => {
      for (const figure of this.#figures) figure.fit()
    }).observe(into)
  }

  show(columns: ColumnsOf<Column>): void {
    for (const figure of this.#figures) figure.show(columns)
  }

  #repaint(): void {
    for (const figure of this.#figures) figure.repaint()
  }
}

class Figure<Column extends string> {
  readonly figure = document.createElement('figure')
  readonly #spec: ChartSpec<Column>
  readonly #drawing = document.createElement('div')
  readonly #told = document.createElement('p')
  #plot: uPlotClass | null = null
  #columns: ColumnsOf<Column> | null = null

  constructor(spec: ChartSpec<Column>) {
    this.#spec = spec
    const caption = document.createElement('figcaption')
    caption.textContent = spec.title
    this.#drawing.setAttribute('aria-hidden', 'true')
    this.#told.className = 'told'
    this.figure.append(caption, this.#drawing, this.#told)
  }

  show(columns: ColumnsOf<Column>): void {
    this.#columns = columns
    const data = this.#data(columns)
    const { lines, say } = this.#spec
    const values = lines.map(({ name, column }) => `${name} ${say(columns[column]?.at(-1))}`)
    this.#told.textContent = `Now: ${values.join(', ')}`
    this.#plot ??= this.#made(data)
    this.#plot.setData(data)
  }

  fit(): void {
    this.#plot?.setSize({ width: this.#width, height: HEIGHT })
  }

  repaint(): void {
    this.#plot?.destroy()
    this.#plot = null
    if (this.#columns !== null) this.show(this.#columns)
  }

  #data(columns: ColumnsOf<Column>): uPlotClass.AlignedData {
    const times = (columns.at ?? []).map((at) => (at ?? 0) / 1000)
    return [times, ...this.#spec.lines.map(({ column }) => [...(columns[column] ?? [])])]
  }

  #made(data: uPlotClass.AlignedData): uPlotClass {
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
    return new uPlot(options, data, this.#drawing)
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
