// What is answered at each path of a test network's window, of what the board knows.
import { type Answer, json, text } from './answer.ts'
import { columns } from './columns.ts'
import type { NetworkBoard } from './network-board.ts'
import { Pages } from './pages.ts'
import { condition, NO_SUCH_QUERY } from './conditions.ts'
import type { NetworkSnapshot } from './shown.ts'
import type { About } from './snapshot.ts'

/** What the window into a node has, and whoever looks for it here is told where it is. */
const OF_A_NODE: readonly string[] = ['/snapshot', '/metrics']
const NO_NODE = text(404, 'this is the window into a test network: there is /network and /history')

const NOTHING_YET = text(503, 'the network has not answered yet')

/** The answers of one server. */
export class NetworkRoutes {
  readonly #board: NetworkBoard
  readonly #about: () => About
  readonly #pages = new Pages('network')

  constructor(board: NetworkBoard, about: () => About) {
    this.#board = board
    this.#about = about
  }

  /** The answer to a request that may be answered. */
  async answer(path: string, query: URLSearchParams): Promise<Answer> {
    const { pulse, points } = this.#board
    if (path === '/health') return condition(pulse.health)
    if (path === '/ready') return condition(pulse.readiness)
    if (OF_A_NODE.includes(path)) return NO_NODE
    const isKnown = path === '/history' || path === '/network' || this.#pages.has(path)
    if (!isKnown) return text(404, 'there is nothing here')
    if ([...query].length > 0) return NO_SUCH_QUERY
    if (path === '/history') return json({ columns: columns(points) })
    return path === '/network' ? this.#network() : this.#pages.answer(path)
  }

  #network(): Answer {
    const { reading, pulse } = this.#board
    if (reading === null) return NOTHING_YET
    const { version, upSeconds } = this.#about()
    const snapshot: NetworkSnapshot = {
      ...reading,
      version,
      upSeconds,
      ageMs: pulse.ageMs,
      health: pulse.health,
      readiness: pulse.readiness,
    }
    return json(snapshot)
  }
}
