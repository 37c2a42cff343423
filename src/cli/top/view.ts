// What is shown of a snapshot: one line, or a screen of lines. Pure; whatever a peer said of itself is printable before it comes here.
import type { ConnectionRow, EndingRow, Snapshot } from '../../admin/shown.ts'
import { formatCount, formatSize } from '../size.ts'

/** Endings on a screen; the rest of it is connections. */
const ENDINGS_SHOWN = 6

/** One line for one second. */
export const lineOf = (snapshot: Snapshot, time: string): string => {
  const { last, findings, connections } = snapshot
  const parts = [time, `connections ${connections.total}`]
  if (last !== null) {
    const { accepted, identified, refused, dropped, identityP99Ms, eventLoopP99Ms } = last
    parts.push(
      `accepted ${rate(accepted)}`,
      `identified ${rate(identified)}`,
      `refused ${rate(refused)}`,
      `dropped ${rate(dropped)}`,
    )
    parts.push(`identity p99 ${ms(identityP99Ms)}`, `event loop p99 ${ms(eventLoopP99Ms)}`)
  }
  for (const { level, metric, text } of findings) parts.push(`${level}: ${text} (${metric})`)
  if (!snapshot.readiness.isWell) parts.push(snapshot.readiness.text)
  return parts.join('  ')
}

/** A screen of so many columns and rows. */
export const screenOf = (snapshot: Snapshot, { columns, rows }: { columns: number; rows: number }): string[] => {
  const head = [...headOf(snapshot), ...findingsOf(snapshot), '']
  const endings = snapshot.endings.slice(0, ENDINGS_SHOWN).map((ending) => endingOf(ending))
  const tail = endings.length === 0 ? [] : ['', 'LATELY', ...endings]
  const room = Math.max(0, rows - head.length - tail.length - 1)
  const { total, rows: known } = snapshot.connections
  const shown = known.slice(0, room).map((row) => connectionOf(row))
  const title = `${'PEER'.padEnd(13)} ${'STATE'.padEnd(12)} ${'WAY'.padEnd(4)} ${'AGE'.padStart(6)} ${'RTT'.padStart(8)}  ADDRESS (${formatCount(total, 'connection')})`
  return [...head, title, ...shown, ...tail].slice(0, rows).map((line) => line.slice(0, columns))
}

const headOf = ({ peerId, version, upSeconds, rssBytes, readiness, ageMs, last, gauges }: Snapshot): string[] => {
  const lines = [
    `sallyport ${version}  ${peerId.slice(0, 16)}…  up ${span(upSeconds * 1000)}  ${formatSize(rssBytes)}  ${readiness.isWell ? 'ready' : readiness.text}  (${ms(ageMs)} ago)`,
  ]
  if (last === null) return lines
  const { slots, retries, refused, dropped, otherVerdicts, accepted, identified, failed, closed } = last
  return [
    ...lines,
    `gate        slots ${rate(slots)}  retries ${rate(retries)}  refused ${rate(refused)}  dropped ${rate(dropped)}  others ${rate(otherVerdicts)}`,
    `handshakes  accepted ${rate(accepted)}  identified ${rate(identified)}  failed ${rate(failed)}  closed ${rate(closed)}  half-open ${last.halfOpen}`,
    `times       handshake p99 ${ms(last.handshakeP99Ms)}  identity p50 ${ms(last.identityP50Ms)} p99 ${ms(last.identityP99Ms)}  event loop p99 ${ms(last.eventLoopP99Ms)}  signing ${ms(last.signingDelayMs)}`,
    `work        lanes ${last.laneDepth} + ${last.laneWaiting} waiting  tasks ${String(gauges['tasks'])}  requests ${rate(last.requestsServed)}  in ${formatSize(last.bytesReceived)}/s  out ${formatSize(last.bytesSent)}/s`,
  ]
}

const findingsOf = ({ findings }: Snapshot): string[] =>
  findings.map(({ level, metric, text }) => `${level === 'stall' ? '!!' : ' !'} ${text} (${metric})`)

const connectionOf = ({ peerId, state, direction, ageMs, rttMs, remote, userAgent }: ConnectionRow): string =>
  `${short(peerId)} ${state.padEnd(12)} ${(direction === 'inbound' ? 'in' : 'out').padEnd(4)} ${span(ageMs).padStart(6)} ${ms(rttMs).padStart(8)}  ${remote}${userAgent === null ? '' : `  ${userAgent}`}`

const endingOf = ({ peerId, kind, why, agoMs, remote, detail }: EndingRow): string =>
  `${short(peerId)} ${`${kind}: ${why}`.padEnd(24)} ${span(agoMs).padStart(6)} ago  ${remote}  ${detail}`

const short = (peerId: string | null): string => (peerId === null ? '–' : `${peerId.slice(0, 12)}…`).padEnd(13)

/** By the second, with a decimal where that says something. */
const rate = (n: number): string => `${n < 10 && n % 1 !== 0 ? n.toFixed(1) : Math.round(n)}/s`

const ms = (value: number | null): string => {
  if (value === null) return '–'
  return value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${(value / 1000).toFixed(1)} s`
}

const span = (value: number): string => {
  const seconds = Math.floor(value / 1000)
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 100 ? `${minutes} m` : `${Math.floor(minutes / 60)} h`
}
