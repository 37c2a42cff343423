// The tables of an accept run in Markdown, one for each number of silent clients.
import type { Run } from './aims.ts'
import type { Figure, Summary } from './summary.ts'

/** All tables of a run. */
export const tablesOf = ({ connections, floorMs, summaries }: Run): string => {
  const levels = [...new Set(summaries.map((each) => each.case.silent))]
  return levels
    .map((silent) => {
      const rows = summaries.filter((each) => each.case.silent === silent)
      return [
        silent === 0 ? '**Nobody silent**' : `**${silent} silent clients**, each with a handshake begun and left`,
        '',
        ...(silent === 0 ? quietTable(rows, connections, floorMs) : loadedTable(rows, connections)),
      ].join('\n')
    })
    .join('\n\n')
}

const quietTable = (rows: readonly Summary[], connections: number, floorMs: number): string[] => [
  `| | identity | connected of ${connections} | connections/s | dial to echo p50, ms | p99, ms | server CPU, ms each | of it in the event loop | memory, KB each |`,
  '|---|---|---|---|---|---|---|---|---|',
  ...rows.map((row) =>
    line([
      nameOf(row),
      row.peer.identity,
      connectedOf(row),
      cell(row.perSecond, 0),
      cell(row.p50Ms, 0),
      cell(row.p99Ms, 0),
      cell(row.serverCpuMs, 2),
      cell(row.loopCpuMs, 2),
      cell(row.connectionKb, 0),
    ]),
  ),
  line(['*the cryptography of one of our handshakes, alone*', '', '', '', '', '', floorMs.toFixed(2), '', '']),
]

const loadedTable = (rows: readonly Summary[], connections: number): string[] => [
  `| | connected of ${connections} | connections/s | dial to echo p50, ms | p99, ms | server CPU, ms each | of it in the event loop |`,
  '|---|---|---|---|---|---|---|',
  ...rows.map((row) =>
    line([
      nameOf(row),
      connectedOf(row),
      cell(row.perSecond, 0),
      cell(row.p50Ms, 0),
      cell(row.p99Ms, 0),
      cell(row.serverCpuMs, 2),
      cell(row.loopCpuMs, 2),
    ]),
  ),
]

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

const nameOf = ({ peer, setup }: Summary): string => `${peer.title} ${peer.version}: ${setup}`

/** The median, in bold where somebody was left out, and why. */
const connectedOf = ({ connected, failure }: Summary): string => {
  const sorted = connected.toSorted((a, b) => a - b)
  const [fewest, most] = [sorted[0], sorted.at(-1)]
  const middle = sorted[(sorted.length - 1) >> 1]
  if (fewest === undefined || most === undefined || middle === undefined) return `not measured: ${tidy(failure)}`
  const count = fewest === most ? `${middle}` : `${middle} (${fewest}–${most})`
  return failure === null ? count : `${count}; ${tidy(failure)}`
}

/** A reason that fits a cell and names no path of the machine. */
const tidy = (reason: string | null): string =>
  (reason?.split('\n')[0] ?? 'no reason given')
    .replaceAll(/(?:file:\/\/)?\/\S+\/(?=[^\s/]+)/g, '')
    .replaceAll(/ ?\b127\.0\.0\.1:\d+/g, '')
    .replaceAll('|', '/')
    .slice(0, 120)

const cell = (figure: Figure | null, digits: number): string => {
  if (figure === null) return '–'
  const [middle, min, max] = [figure.median, figure.min, figure.max].map((value) => value.toFixed(digits))
  return min === max ? `${middle}` : `${middle} (${min}–${max})`
}
