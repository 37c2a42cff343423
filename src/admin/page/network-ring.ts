// The identifier ring of a test network: every node at its place, told apart by shape and place as well as by colour. Those that are away
// stand inside the ring.
import type { NetworkNode } from '../network-reading.ts'
import { placeOf, RADIUS, shape } from './ring.ts'
import { element } from './words.ts'

/** How a node stands: `joined` is here for less than JOINED_MS. */
export type Standing = NetworkNode['state'] | 'joined'

const JOINED_MS = 15_000

/** How a node stands now. */
export const standingOf = ({ state, forMs }: NetworkNode): Standing =>
  state === 'here' && forMs < JOINED_MS ? 'joined' : state

/** What the drawing shows: nothing is drawn anew while nobody comes or goes. */
let drawn = ''

/** Draws all nodes, a thousand at most. */
export const drawNetworkRing = (nodes: readonly NetworkNode[]): void => {
  const standings = nodes.map((node) => `${node.peerId} ${standingOf(node)}`).join()
  if (standings === drawn) return
  drawn = standings
  const size = nodes.length <= 60 ? 3.2 : nodes.length <= 300 ? 2 : 1.3
  // Those few that are not simply here lie above the others.
  const order = nodes.toSorted((a, b) => Number(standingOf(a) !== 'here') - Number(standingOf(b) !== 'here'))
  element<SVGSVGElement>('ring').replaceChildren(
    shape('circle', 'circle', { cx: 0, cy: 0, r: RADIUS }),
    ...order.map((node) => signAt(node, size)),
  )
  element('ring-text').textContent = told(nodes)
}

/** Draws what each sign of the legend means. */
export const drawLegend = (): void => {
  for (const place of document.querySelectorAll<SVGSVGElement>('.legend svg')) {
    const standing = place.dataset['sign'] as Standing | undefined
    if (standing !== undefined) place.replaceChildren(sign(standing, { x: 0, y: 0, size: 3.2 }))
  }
}

const AWAY: ReadonlySet<Standing> = new Set(['left', 'died'])

const signAt = (node: NetworkNode, size: number): SVGElement => {
  const standing = standingOf(node)
  const { x, y } = placeOf(node.peerId, AWAY.has(standing) ? RADIUS - 10 : RADIUS)
  const made = sign(standing, { x, y, size: standing === 'here' ? size : Math.max(size, 2) })
  const title = document.createElementNS(made.namespaceURI, 'title')
  title.textContent = `node ${node.index}, ${standing}`
  made.append(title)
  return made
}

const sign = (standing: Standing, { x, y, size }: { x: number; y: number; size: number }): SVGElement => {
  switch (standing) {
    case 'here':
    case 'left':
      return shape('circle', standing, { cx: x, cy: y, r: size })
    case 'joined':
      return shape('circle', standing, { cx: x, cy: y, r: size * 1.3 })
    case 'silent':
      return shape('rect', standing, { x: x - size, y: y - size, width: 2 * size, height: 2 * size })
    case 'died': {
      const cross = shape('path', standing, {})
      const [l, r, t, b] = [x - size, x + size, y - size, y + size]
      cross.setAttribute('d', `M${l} ${t}L${r} ${b}M${l} ${b}L${r} ${t}`)
      return cross
    }
  }
}

const told = (nodes: readonly NetworkNode[]): string => {
  const number = (standing: Standing): number => nodes.filter((node) => standingOf(node) === standing).length
  const joined = number('joined')
  return (
    `${nodes.length} nodes: ${number('here') + joined} are here, ${joined} of them for less than 15 s; ` +
    `${number('left')} left, ${number('died')} died, ${number('silent')} are silent.`
  )
}
