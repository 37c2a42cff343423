// The results as tables: for the terminal while they come, and interop/RESULTS.md.
import type { Case } from './cases.ts'
import type { Outcome } from './cell.ts'

/** One column: our client with a peer's server, or the other way round. */
export interface Column {
  readonly peer: string
  readonly version: string
  readonly ours: 'client' | 'server'
  /** By the name of the test. */
  readonly outcomes: ReadonlyMap<string, Outcome>
}

/** A peer that was not run, and why. */
export interface NotRun {
  readonly name: string
  readonly reason: string
}

/** What stands in a cell. */
export const wordOf = (outcome: Outcome | undefined): string => {
  switch (outcome?.kind) {
    case 'pass':
      return 'pass'
    case 'lacks':
      return 'peer lacks it'
    case 'fail':
      return 'fail'
    default:
      return ''
  }
}

const HEADS = { client: 'Our client, their server', server: 'Their client, our server' } as const

/** The tables of both directions, the reasons of failures, and who was not run. */
export const tables = (cases: readonly Case[], columns: readonly Column[], notRun: readonly NotRun[]): string =>
  [
    ...(['client', 'server'] as const).flatMap((ours) => table(ours, cases, columns)),
    ...reasons('What failed', cases, columns, 'fail'),
    ...reasons('What peers lack', cases, columns, 'lacks'),
    ...(notRun.length > 0
      ? ['## Not run', '', ...notRun.map(({ name, reason }) => `- ${name}: not run, ${reason}`), '']
      : []),
  ].join('\n')

const table = (ours: Column['ours'], cases: readonly Case[], all: readonly Column[]): string[] => {
  const columns = all.filter((column) => column.ours === ours)
  if (columns.length === 0) return []
  const rows = [
    ['', ...columns.map(({ peer, version }) => `${peer} ${version}`)],
    ...cases.map(({ name, title }) => [title, ...columns.map(({ outcomes }) => wordOf(outcomes.get(name)))]),
  ]
  const widths = (rows[0] ?? []).map((_, i) => Math.max(3, ...rows.map((row) => row[i]?.length ?? 0)))
  const lines = rows.map((row) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`)
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  return [`## ${HEADS[ours]}`, '', ...lines, '']
}

const reasons = (
  head: string,
  cases: readonly Case[],
  columns: readonly Column[],
  kind: 'fail' | 'lacks',
): string[] => {
  const lines = columns.flatMap(({ peer, ours, outcomes }) =>
    cases.flatMap(({ name, title }) => {
      const outcome = outcomes.get(name)
      if (outcome?.kind !== kind) return []
      return [`- ${ours === 'client' ? `our client, ${peer}` : `${peer}, our server`}, ${title}: ${outcome.reason}`]
    }),
  )
  return lines.length === 0 ? [] : [`## ${head}`, '', ...lines, '']
}
