// A table that is sorted by any of its columns, by mouse or keyboard, and tells screen readers how.

/** One column: its title, what stands in a cell, and what it is sorted by. */
export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  /** Default: by what stands there. */
  readonly by?: (row: Row) => number
  readonly className?: string
}

/** How a table begins: what it is sorted by, and how many rows are drawn at most (default: all). */
export interface TableOptions {
  readonly column: number
  readonly isDown: boolean
  readonly rowsMax?: number
}

/** Rows in columns. */
export class SortedTable<Row> {
  readonly #columns: readonly Column<Row>[]
  readonly #body: HTMLTableSectionElement
  readonly #heads: readonly HTMLTableCellElement[]
  #rows: readonly Row[] = []
  #filter = ''
  #sorted: { readonly column: number; readonly isDown: boolean }
  readonly #rowsMax: number
  #counts = { kept: 0, drawn: 0 }

  constructor(
    table: HTMLTableElement,
    columns: readonly Column<Row>[],
    { column, isDown, rowsMax = Infinity }: TableOptions,
  ) {
    this.#columns = columns
    this.#sorted = { column, isDown }
    this.#rowsMax = rowsMax
    const head = table.createTHead().insertRow()
    this.#heads = columns.map(({ title, className }, column) => {
      const cell = document.createElement('th')
      const button = document.createElement('button')
      cell.scope = 'col'
      if (className !== undefined) cell.className = className
      button.type = 'button'
      button.textContent = title
      button.addEventListener('click', () => this.#sortBy(column))
      cell.append(button)
      head.append(cell)
      return cell
    })
    this.#body = table.createTBody()
    this.#mark()
  }

  show(rows: readonly Row[]): void {
    this.#rows = rows
    this.#draw()
  }

  /** Shows only rows in which a text stands somewhere. */
  filter(text: string): void {
    this.#filter = text.trim().toLowerCase()
    this.#draw()
  }

  /** Rows that pass the filter, and those of them that are drawn. */
  get counts(): { readonly kept: number; readonly drawn: number } {
    return this.#counts
  }

  #sortBy(column: number): void {
    const { column: before, isDown } = this.#sorted
    this.#sorted = { column, isDown: column === before ? !isDown : false }
    this.#mark()
    this.#draw()
  }

  #mark(): void {
    const { column, isDown } = this.#sorted
    for (const [i, head] of this.#heads.entries()) {
      head.setAttribute('aria-sort', i === column ? (isDown ? 'descending' : 'ascending') : 'none')
    }
  }

  #draw(): void {
    const { column, isDown } = this.#sorted
    const { by, cell } = this.#columns[column] ?? { cell: () => '' }
    const order = (a: Row, b: Row): number => (by === undefined ? compare(cell(a), cell(b)) : by(a) - by(b))
    const kept = this.#rows.filter(
      (row) => this.#filter === '' || this.#columns.some((each) => each.cell(row).toLowerCase().includes(this.#filter)),
    )
    const sorted = kept.toSorted((a, b) => (isDown ? order(b, a) : order(a, b)))
    const drawn = sorted.slice(0, this.#rowsMax)
    this.#counts = { kept: kept.length, drawn: drawn.length }
    this.#body.replaceChildren(...drawn.map((row) => this.#line(row)))
  }

  #line(row: Row): HTMLTableRowElement {
    const line = document.createElement('tr')
    for (const { cell, className } of this.#columns) {
      const made = line.insertCell()
      // What a peer said of itself is text here and never anything else.
      made.textContent = cell(row)
      if (className !== undefined) made.className = className
    }
    return line
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
