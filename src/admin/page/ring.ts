// The identifier ring: this node at its place, its peers at theirs. A node's peers should be many near it and some everywhere else.
import type { ConnectionRow } from '../shown.ts'
import { element } from './words.ts'

/** Of the circle, in a drawing from -110 to 110 each way. */
export const RADIUS = 92
const SVG = 'http://www.w3.org/2000/svg'

/** Draws the connections of a page; whoever has not shown an id yet is not on it. */
export const drawRing = (peerId: string, rows: readonly ConnectionRow[], total: number): void => {
  const drawing = [shape('circle', 'circle', { cx: 0, cy: 0, r: RADIUS })]
  const self = placeOf(peerId)
  for (const { peerId: peer, direction, state } of rows) {
    if (peer === null) continue
    const { x, y } = placeOf(peer)
    const kind = state === 'identified' ? direction : 'unidentified'
    drawing.push(shape('line', '', { x1: self.x, y1: self.y, x2: x, y2: y }))
    drawing.push(shape('circle', kind, { cx: x, cy: y, r: 3.2 }))
  }
  drawing.push(shape('circle', 'self', { cx: self.x, cy: self.y, r: 5 }))
  element<SVGSVGElement>('ring').replaceChildren(...drawing)
  const count = (is: (row: ConnectionRow) => boolean): number => rows.filter(is).length
  const identified = (way: string) => (row: ConnectionRow) => row.state === 'identified' && row.direction === way
  const others = count(({ state }) => state !== 'identified')
  const shown = rows.length < total ? `, ${rows.length} of them shown` : ''
  element('ring-text').textContent =
    `${total} connections${shown}: ${count(identified('inbound'))} that peers began, ${count(identified('outbound'))} that this node began, ${others} not identified.`
}

/** The first 32 bits of an id, as an angle from the top. */
export const placeOf = (peerId: string, radius = RADIUS): { x: number; y: number } => {
  const angle = (Number.parseInt(peerId.slice(0, 8), 16) / 2 ** 32) * 2 * Math.PI
  return { x: Math.round(radius * Math.sin(angle) * 100) / 100, y: Math.round(-radius * Math.cos(angle) * 100) / 100 }
}

/** One element of a drawing, of a class. */
export const shape = (name: string, kind: string, attributes: Readonly<Record<string, number>>): SVGElement => {
  const made = document.createElementNS(SVG, name)
  if (kind !== '') made.setAttribute('class', kind)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value))
  return made
}
