// The page of a node: asks the admin server once a second and shows what it says. It needs nothing from anywhere else.
import type { ConnectionRow, EndingRow, Finding, Past, Snapshot } from '../shown.ts'
import { ask, keepAsking } from './asking.ts'
import { Charts } from './charts.ts'
import { NODE_CHARTS } from './node-charts.ts'
import { drawRing } from './ring.ts'
import { SortedTable } from './table.ts'
import { element, ms, size, span } from './words.ts'

const charts = new Charts(element('charts'), NODE_CHARTS)

const connections = new SortedTable<ConnectionRow>(
  element<HTMLTableElement>('connections-table'),
  [
    { title: 'Peer', cell: ({ peerId }) => peerId?.slice(0, 16) ?? '–', className: 'peer' },
    { title: 'State', cell: ({ state }) => state },
    { title: 'Began here', cell: ({ direction }) => (direction === 'outbound' ? 'yes' : 'no') },
    { title: 'Address', cell: ({ remote }) => remote },
    { title: 'Age', cell: ({ ageMs }) => span(ageMs), by: ({ ageMs }) => ageMs, className: 'number' },
    {
      title: 'Silent for',
      cell: ({ silentMs }) => span(silentMs),
      by: ({ silentMs }) => silentMs,
      className: 'number',
    },
    { title: 'Round trip', cell: ({ rttMs }) => ms(rttMs), by: ({ rttMs }) => rttMs, className: 'number' },
    { title: 'Kind', cell: ({ capability }) => capability ?? '–' },
    { title: 'Software', cell: ({ userAgent }) => userAgent ?? '–' },
  ],
  { column: 4, isDown: true },
)

const endings = new SortedTable<EndingRow>(
  element<HTMLTableElement>('endings-table'),
  [
    { title: 'Ago', cell: ({ agoMs }) => span(agoMs), by: ({ agoMs }) => agoMs, className: 'number' },
    { title: 'What', cell: ({ kind }) => kind },
    { title: 'Why', cell: ({ why }) => why },
    { title: 'Peer', cell: ({ peerId }) => peerId?.slice(0, 16) ?? '–', className: 'peer' },
    { title: 'Address', cell: ({ remote }) => remote },
    { title: 'In its words', cell: ({ detail }) => detail },
  ],
  { column: 0, isDown: false },
)

let page = 0

const showFindings = (findings: readonly Finding[]): void => {
  const list = element('findings-list')
  const lines = findings.map(({ level, metric, text }) => ({
    className: level,
    text: `${WORDS[level]}: ${text} (${metric})`,
  }))
  const shown = lines.length > 0 ? lines : [{ className: 'none', text: 'Nothing.' }]
  // Drawn anew only when it has changed: a screen reader says it each time.
  if (shown.map(({ text }) => text).join('\n') === [...list.children].map((item) => item.textContent).join('\n')) return
  list.replaceChildren(
    ...shown.map(({ className, text }) => {
      const item = document.createElement('li')
      item.className = className
      item.textContent = text
      return item
    }),
  )
}

const WORDS: Readonly<Record<Finding['level'], string>> = { stall: 'Stall', warning: 'Warning' }

const showShards = (depths: readonly number[]): void => {
  const most = Math.max(1, ...depths)
  const bars = depths.map((depth) => {
    const bar = document.createElement('span')
    bar.style.height = `${(depth / most) * 100}%`
    return bar
  })
  element('shards').replaceChildren(...bars)
  const waiting = depths.reduce((a, b) => a + b, 0)
  element('shards-text').textContent =
    `${waiting} streams wait to be read in ${depths.length} shards; the fullest has ${Math.max(0, ...depths)}.`
}

const show = (snapshot: Snapshot): void => {
  const { peerId, version, readiness, addresses, rssBytes, connections: now } = snapshot
  const where = addresses[0] === undefined ? '' : ` · ${addresses[0].replace(/\/p2p\/.*/, '')}`
  const who = element('who')
  who.classList.toggle('silent', !readiness.isWell)
  who.textContent = `${version} · ${peerId.slice(0, 16)}… · ${readiness.isWell ? 'ready' : readiness.text} · ${size(rssBytes)}${where}`
  drawRing(peerId, now.rows, now.total)
  showShards(snapshot.gauges.laneDepths)
  connections.show(now.rows)
  endings.show(snapshot.endings)
  element('page').textContent = `Page ${now.page + 1} of ${now.pages}, ${now.total} in all`
  element<HTMLButtonElement>('previous').disabled = now.page === 0
  element<HTMLButtonElement>('next').disabled = now.page + 1 >= now.pages
}

const refresh = async (): Promise<void> => {
  const [past, snapshot] = await Promise.all([ask<Past>('/history'), ask<Snapshot>(`/snapshot?page=${page}`)])
  if (snapshot === null && page > 0) page = 0
  if (past === null || snapshot === null) return
  showFindings(past.findings)
  charts.show(past.columns)
  show(snapshot)
}

const turn = (by: number): void => {
  page = Math.max(0, page + by)
  askNow()
}

element('previous').addEventListener('click', () => turn(-1))
element('next').addEventListener('click', () => turn(1))
element<HTMLInputElement>('filter').addEventListener('input', ({ target }) =>
  connections.filter((target as HTMLInputElement).value),
)
const askNow = keepAsking(refresh)
