// The page of a test network: asks the admin server once a second and shows what it says. It needs nothing from anywhere else.
import type { NetworkFile, NetworkNode } from '../network-reading.ts'
import type { NetworkPast, NetworkSnapshot } from '../shown.ts'
import { ask, keepAsking } from './asking.ts'
import { Charts } from './charts.ts'
import { FILE_CHARTS, NETWORK_CHARTS } from './network-charts.ts'
import { drawLegend, drawNetworkRing, standingOf } from './network-ring.ts'
import { SortedTable } from './table.ts'
import { clock, element, ms, size, span } from './words.ts'

/** Rows of nodes at once: more take a browser longer than people look. */
const ROWS_MAX = 200
const FILES_MAX = 100

const fileCharts = new Charts(element('charts'), FILE_CHARTS)
const charts = new Charts(element('charts'), NETWORK_CHARTS)

const nodes = new SortedTable<NetworkNode>(
  element<HTMLTableElement>('nodes-table'),
  [
    { title: 'Node', cell: ({ index }) => String(index), by: ({ index }) => index, className: 'number' },
    { title: 'PeerId', cell: ({ peerId }) => peerId.slice(0, 16), className: 'peer' },
    { title: 'State', cell: (node) => standingOf(node) },
    { title: 'For', cell: ({ forMs }) => span(forMs), by: ({ forMs }) => forMs, className: 'number' },
    { title: 'Kind', cell: ({ role }) => role },
    { title: 'Address', cell: ({ address }) => address.replace(/\/p2p\/.*/, '') },
  ],
  { column: 3, isDown: false, rowsMax: ROWS_MAX },
)

const files = new SortedTable<NetworkFile>(
  element<HTMLTableElement>('files-table'),
  [
    { title: 'Begun at', cell: ({ at }) => clock.format(at), by: ({ at }) => at },
    { title: 'Size', cell: ({ bytes }) => size(bytes), by: ({ bytes }) => bytes, className: 'number' },
    { title: 'Up', cell: ({ uploadMs }) => ms(uploadMs), by: ({ uploadMs }) => uploadMs ?? -1, className: 'number' },
    {
      title: 'Down',
      cell: ({ downloadMs }) => ms(downloadMs),
      by: ({ downloadMs }) => downloadMs ?? -1,
      className: 'number',
    },
    { title: 'What came of it', cell: ({ isIdentical, failed }) => failed ?? (isIdentical ? 'identical' : 'differs') },
  ],
  { column: 0, isDown: true },
)

const showDoing = ({ doing, formedMs, first, uploads, failures, departures }: NetworkSnapshot): void => {
  const parts = [doing]
  if (formedMs !== null) parts.push(`formed in ${ms(formedMs)}`)
  if (first !== null) {
    const down = first.downloadMs === null ? '' : `, down in ${ms(first.downloadMs)}`
    parts.push(`the first file, ${size(first.bytes)}, was up in ${ms(first.uploadMs)}${down}`)
  }
  if (uploads > 0) parts.push(`${uploads} files under load, ${failures} of them went wrong`)
  if (departures > 0) parts.push(`${departures} departures`)
  const text = `${parts.join('; ')}.`
  // Written anew only when it has changed: a screen reader says it each time.
  if (element('doing').textContent !== text) element('doing').textContent = text
}

const showCount = (): void => {
  const { kept, drawn } = nodes.counts
  const text = drawn < kept ? `${drawn} of ${kept} nodes shown: sort or filter to see others` : `${kept} nodes shown`
  if (element('shown').textContent !== text) element('shown').textContent = text
}

const show = (snapshot: NetworkSnapshot): void => {
  const { asked, version, readiness, sample } = snapshot
  const who = element('who')
  who.classList.toggle('silent', !readiness.isWell)
  const memory = sample === null ? '' : ` · ${size(sample.rssBytes)}`
  who.textContent = `${version} · ${snapshot.nodes.length} of ${asked} nodes · ${readiness.isWell ? 'formed' : readiness.text}${memory}`
  showDoing(snapshot)
  drawNetworkRing(snapshot.nodes)
  nodes.show(snapshot.nodes)
  showCount()
  files.show(snapshot.files.slice(-FILES_MAX))
  fileCharts.show({
    at: snapshot.files.map(({ at }) => at),
    uploadMs: snapshot.files.map(({ uploadMs }) => uploadMs),
    downloadMs: snapshot.files.map(({ downloadMs }) => downloadMs),
  })
}

element<HTMLInputElement>('filter').addEventListener('input', ({ target }) => {
  nodes.filter((target as HTMLInputElement).value)
  showCount()
})
drawLegend()
keepAsking(async () => {
  const [past, snapshot] = await Promise.all([ask<NetworkPast>('/history'), ask<NetworkSnapshot>('/network')])
  if (past === null || snapshot === null) return
  show(snapshot)
  charts.show(past.columns)
})
