// The report of a lab: a page, its plots, the same in Markdown, and the figures as JSON.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Alarms } from './alarms.ts'
import { type Line, type Plot, svgOf } from './plot.ts'
import type { Replay } from './record.ts'
import type { Path } from './settings.ts'
import { type Period, quantile } from './tally.ts'
import { summaryOf, SYMPTOMS, verdictOf, worstOf } from './verdict.ts'

const COLOURS: Readonly<Record<Path, string>> = {
  sallyport: '#087f5b',
  inline: '#c92a2a',
  spawned: '#e67700',
  registrar: '#5f3dc4',
}

const HOUR_MS = 3_600_000
const HALF_HOUR_MS = HOUR_MS / 2

/** What was published: seconds of an upload by the hours the network had run. */
const PUBLISHED: readonly Line[] = [
  {
    name: 'published: 175 → 358 s',
    colour: '#495057',
    points: [
      [0, 175],
      [17, 358],
    ],
    isDashed: true,
  },
  {
    name: 'published: 229 → 527 s',
    colour: '#868e96',
    points: [
      [0, 229],
      [9, 527],
    ],
    isDashed: true,
  },
  { name: 'published: first fix, 440 s', colour: '#e67700', points: [[0.5, 440]], isDotted: true },
]

/** Writes `index.html`, `report.md`, `report.json` and a plot each. */
export const writeReport = (directory: string, replays: readonly Replay[]): void => {
  mkdirSync(directory, { recursive: true })
  const plots = plotsOf(replays)
  for (const [name, plot] of Object.entries(plots)) writeFileSync(join(directory, `${name}.svg`), `${svgOf(plot)}\n`)
  const { text } = verdictOf(replays)
  const tables = [uploadTable(replays), causeTable(replays), alarmTable(replays)]
  writeFileSync(join(directory, 'report.json'), `${JSON.stringify({ verdict: text, replays }, null, 1)}\n`)
  writeFileSync(join(directory, 'report.md'), markdownOf(Object.keys(plots), tables, text))
  writeFileSync(join(directory, 'index.html'), htmlOf(Object.values(plots), tables, text))
}

const over = (replays: readonly Replay[], up: (period: Period) => number): Line[] =>
  replays.map(({ path, periods }) => ({
    name: path,
    colour: COLOURS[path],
    points: periods.map((period) => [period.ms / HOUR_MS, up(period)] as const),
  }))

const plotsOf = (replays: readonly Replay[]): Readonly<Record<string, Plot>> => {
  const across = 'virtual hours'
  const hours = Math.max(...replays.map((replay) => summaryOf(replay).hours))
  // Published points are drawn along the same part of the way, since a smaller network goes through everything sooner.
  const published = PUBLISHED.map((line) => ({
    ...line,
    points: line.points.map(([x, y]) => [(x * hours) / 17, y] as const),
  }))
  const plot = (title: string, up: string, lines: readonly Line[]): Plot => ({ title, across, up, lines })
  return {
    uploads: plot('Upload, median of a period', 's', [
      ...over(replays, ({ uploads }) => quantile(uploads, 0.5)),
      ...published,
    ]),
    'cold-uploads': plot(
      'Upload of a client that comes cold, median of a period',
      's',
      over(replays, ({ coldUploads }) => quantile(coldUploads, 0.5)),
    ),
    'timed-out': plot(
      'Identity exchanges of honest hosts that timed out, share of all',
      '%',
      over(
        replays,
        ({ exchangesDone, exchangesTimedOut }) => (100 * exchangesTimedOut) / (exchangesDone + exchangesTimedOut),
      ),
    ),
    'client-timeouts': plot('Identity exchanges of one client that timed out, in half an hour', '', [
      ...replays.map(({ path, periods, settings }) => ({
        name: path,
        colour: COLOURS[path],
        points: periods.map(
          ({ ms, clientTimedOut }) =>
            [ms / HOUR_MS, (clientTimedOut / (settings.clients + 1)) * (HALF_HOUR_MS / settings.periodMs)] as const,
        ),
      })),
      { name: 'published: 208', colour: '#495057', points: [[hours, 208]], isDotted: true },
    ]),
    'exchange-p99': plot(
      'Identity exchange, p99',
      's',
      over(replays, ({ exchangeP99Ms }) => exchangeP99Ms / 1000),
    ),
    unread: plot(
      'Accepted and not read',
      'connections',
      over(replays, ({ gap }) => gap),
    ),
    'lock-held': plot(
      'Longest time a lock was held',
      's',
      over(replays, ({ heldMs }) => heldMs / 1000),
    ),
    'sender-wait': plot(
      'Longest time a sender stood in line',
      's',
      over(replays, ({ senderWaitMs }) => senderWaitMs / 1000),
    ),
    line: plot(
      'Longest line for a lock',
      'tasks',
      over(replays, ({ queueDepth }) => queueDepth),
    ),
  }
}

type Table = readonly (readonly string[])[]

const uploadTable = (replays: readonly Replay[]): Table => [
  [
    'path',
    'virtual hours',
    'upload at first',
    'upload at last',
    'accepted and not read',
    'identities of honest hosts lost',
  ],
  ...replays
    .map(summaryOf)
    .map(({ path, hours, first, last, gap, timedOut }) => [
      path,
      hours.toFixed(2),
      `${first.toFixed(1)} s`,
      Number.isFinite(last) ? `${last.toFixed(1)} s` : 'none ended',
      String(gap),
      String(timedOut),
    ]),
]

const causeTable = (replays: readonly Replay[]): Table => [
  ['cause', 'what shows it', ...replays.map(({ path }) => path)],
  ...SYMPTOMS.map((symptom) => [
    String(symptom.cause),
    symptom.name,
    ...replays.map((replay) => {
      const worst = worstOf(symptom, replay)
      const text = `${Number.isInteger(worst) ? worst : worst.toFixed(1)}${symptom.unit === '' ? '' : ` ${symptom.unit}`}`
      return worst > symptom.above ? `**${text}**` : text
    }),
  ]),
]

/** What a dashboard of our metrics would have shown, and when. */
const alarmTable = (replays: readonly Replay[]): Table => [
  ['what a dashboard would have shown', ...replays.map(({ path }) => path)],
  ...ALARMS.map(([name, text]) => [
    text,
    ...replays.map(({ periods }) => {
      const at = periods.at(-1)?.alarms[name] ?? Infinity
      return Number.isFinite(at) ? `after ${(at / 60_000).toFixed(1)} min` : 'never'
    }),
  ]),
]

const ALARMS = [
  ['unreadMs', '`accepted` ahead of `reading` at some host for more than a moment'],
  ['identityTimeoutsMs', '`identityTimeouts` of a client above a tenth of those it dialled'],
  ['identityOutMs', '`identityOut` of a client above a second at the median'],
] as const satisfies readonly (readonly [keyof Alarms, string])[]

const markdownOf = (plots: readonly string[], tables: readonly Table[], verdict: string): string =>
  [
    '# The incident, replayed',
    ...tables.map((table) => {
      const [head = [], ...rows] = table.map((cells) => `| ${cells.join(' | ')} |`)
      return [head, `|${'---|'.repeat(table[0]?.length ?? 0)}`, ...rows].join('\n')
    }),
    ...plots.map((name) => `![${name}](${name}.svg)`),
    verdict,
    '',
  ].join('\n\n')

const htmlOf = (plots: readonly Plot[], tables: readonly Table[], verdict: string): string => {
  const cell = (text: string): string => text.replace(/^\*\*(.*)\*\*$/, '<b>$1</b>')
  const html = tables.map(
    (table) =>
      `<table border="1" cellpadding="4" cellspacing="0">${table.map((cells) => `<tr>${cells.map((text) => `<td>${cell(text)}</td>`).join('')}</tr>`).join('')}</table>`,
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>The incident, replayed</title><body style="font-family:sans-serif">
<h1>The incident, replayed</h1><p>${verdict}</p>${html.join('<br>')}<br>${plots.map(svgOf).join('\n')}</body></html>\n`
}
