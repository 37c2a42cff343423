// What is answered at each path, of what the board knows.
import { type Answer, json, text } from './answer.ts'
import type { Board } from './board.ts'
import { EXPOSITION_TYPE, expose, exposeNow } from './exposition.ts'
import { findingsOf } from './findings.ts'
import { columns } from './columns.ts'
import { condition, NO_SUCH_QUERY } from './conditions.ts'
import { Pages } from './pages.ts'
import { type About, snapshot } from './snapshot.ts'

/** The answers of one server. */
export class Routes {
  readonly #board: Board
  readonly #about: () => About
  readonly #pages = new Pages('index')
  /** The exposition of the reading that it was made of: who asks again within the second gets the same. */
  #exposed: { readonly number: number; readonly body: Promise<string> } | null = null

  constructor(board: Board, about: () => About) {
    this.#board = board
    this.#about = about
  }

  /** The answer to a request that may be answered. */
  async answer(path: string, query: URLSearchParams): Promise<Answer> {
    switch (path) {
      case '/health':
        return condition(this.#board.pulse.health)
      case '/ready':
        return condition(this.#board.pulse.readiness)
      case '/metrics':
        return [...query].length > 0 ? NO_SUCH_QUERY : this.#metrics()
      case '/history':
        return [...query].length > 0 ? NO_SUCH_QUERY : this.#history()
      case '/snapshot':
        return this.#snapshot(query)
      default:
        if (!this.#pages.has(path)) return text(404, 'there is nothing here')
        return [...query].length > 0 ? NO_SUCH_QUERY : this.#pages.answer(path)
    }
  }

  async #metrics(): Promise<Answer> {
    const { reading, number, pulse } = this.#board
    if (reading === null) return NOTHING_YET
    if (this.#exposed?.number !== number) {
      this.#exposed = { number, body: expose(reading, this.#about().version) }
    }
    const [body, now] = await Promise.all([this.#exposed.body, exposeNow(this.#about(), pulse.ageMs)])
    return { status: 200, type: EXPOSITION_TYPE, body: `${body}\n${now}` }
  }

  #history(): Answer {
    const { history } = this.#board
    return json({ findings: findingsOf(history.minute), columns: columns(history.points) })
  }

  #snapshot(query: URLSearchParams): Answer {
    const { reading } = this.#board
    const page = pageOf(query)
    if (page === null) return NO_SUCH_QUERY
    if (reading === null) return NOTHING_YET
    const value = snapshot(this.#board, reading, { page, about: this.#about() })
    return value === null ? text(404, 'there is no such page') : json(value)
  }
}

const NOTHING_YET = text(503, 'the node has not answered yet')

const pageOf = (query: URLSearchParams): number | null => {
  const pairs = [...query]
  if (pairs.length === 0) return 0
  const [[name, page] = []] = pairs
  return pairs.length === 1 && name === 'page' && /^\d{1,4}$/.test(page ?? '') ? Number(page) : null
}
