// The report of a test network: one page that stands by itself, without a script or anything from elsewhere, and the figures as JSON beside it.
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SallyportError, systemPorts } from '../index.ts'
import { chart, escape } from './chart.ts'
import type { Line } from './chart.ts'
import type { Sample } from './sampling.ts'
import type { TestnetReport } from './testnet.ts'

/** What a report is made of. */
export interface ReportParts {
  readonly report: TestnetReport
  readonly samples: readonly Sample[]
}

/** Makes the directory; rejects at once where no report could be written in the end. */
export const prepareReport = async (directory: string): Promise<void> => {
  await using ports = await systemPorts()
  await ports.files.makeDirectory(directory)
}

/** Writes `index.html` and `report.json`, each whole or not at all, in place of those of an earlier run. */
export const writeReport = async (directory: string, parts: ReportParts): Promise<void> => {
  try {
    await replace(join(directory, 'report.json'), `${JSON.stringify(parts, null, 2)}\n`)
    await replace(join(directory, 'index.html'), reportPage(parts))
  } catch (error) {
    throw SallyportError.from(error)
  }
}

const replace = async (path: string, text: string): Promise<void> => {
  await writeFile(`${path}.part`, text)
  await rename(`${path}.part`, path)
}

/** The page. */
export const reportPage = ({ report, samples }: ReportParts): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>A test network of ${report.nodes} nodes</title>
<style>${STYLE}</style>
</head>
<body>
<h1>A test network of ${report.nodes} nodes</h1>
${aimsTable(report)}
<div class="charts">
${chartsOf(report, samples).join('\n')}
</div>
${figuresTable(report)}
</body>
</html>
`

const STYLE = `
:root { font: 16px/1.5 system-ui, sans-serif; color: light-dark(#1c2430, #e4e8ee); background: light-dark(#fff, #12161c) }
body { max-width: 88rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { text-align: left; padding: .3rem .8rem; border-bottom: 1px solid light-dark(#d5dae1, #323a46) }
.missed { color: light-dark(#b00020, #ff8a80); font-weight: 600 }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 1rem }
.legend .l1::before { content: '– – ' }
.legend .l2::before { content: '· · ' }
.legend .l3::before { content: '– · ' }
.legend .l0::before { content: '— ' }
figure { margin: 0 }
figcaption { font-weight: 600 }
svg { width: 100%; height: auto }
.grid { stroke: light-dark(#d5dae1, #323a46) }
.scale { font-size: 12px; fill: light-dark(#55606f, #a3adba) }
.line { fill: none; stroke: currentColor; stroke-width: 2 }
.line.l1 { stroke-dasharray: 7 4 }
.line.l2 { stroke-dasharray: 2 3 }
.line.l3 { stroke-dasharray: 9 3 2 3 }
.legend { display: flex; gap: 1rem; list-style: none; margin: 0; padding: 0; font-size: .9rem }
.l0 { color: light-dark(#0b5cad, #6cb2ff) }
.l1 { color: light-dark(#a84300, #ffab6b) }
.l2 { color: light-dark(#1d7a36, #74d68c) }
.l3 { color: light-dark(#8a2a8f, #e39be8) }
`

const aimsTable = ({ aims = [] }: TestnetReport): string => {
  if (aims.length === 0) return '<p>The aims were not judged: run it with <code>--check</code>.</p>'
  const rows = aims.map(({ name, aim, measured, met }) => {
    const verdict = met === null ? 'not measured' : met ? 'met' : '<span class="missed">missed</span>'
    return row([escape(name), escape(aim), escape(measured), verdict])
  })
  return table('The aims, and what was measured', ['what', 'aim', 'measured', 'verdict'], rows)
}

const chartsOf = ({ load }: TestnetReport, samples: readonly Sample[]): string[] => {
  const files = load?.files ?? []
  const over = (name: string, value: (sample: Sample) => number | null): Line => ({
    name,
    points: samples.map((sample) => ({ atMs: sample.atMs, value: value(sample) })),
  })
  const times = (name: string, key: 'uploadMs' | 'downloadMs'): Line => ({
    name,
    points: files.flatMap((file) => (file[key] === null ? [] : [{ atMs: file.atMs, value: file[key] }])),
  })
  return [
    chart({
      title: 'Files under load',
      unit: 'ms',
      lines: [times('upload', 'uploadMs'), times('download', 'downloadMs')],
    }),
    chart({
      title: 'Identity latency, from the end of a handshake',
      unit: 'ms',
      lines: [over('p50', ({ identityP50Ms }) => identityP50Ms), over('p99', ({ identityP99Ms }) => identityP99Ms)],
    }),
    chart({
      title: 'Verdicts of the gates, all so far',
      unit: '',
      lines: [
        over('slots', ({ verdicts }) => verdicts.slots),
        over('Retries', ({ verdicts }) => verdicts.retries),
        over('refused', ({ verdicts }) => verdicts.refused),
        over('dropped', ({ verdicts }) => verdicts.dropped),
      ],
    }),
    chart({
      title: 'Connections, each counted at both ends',
      unit: '',
      lines: [over('established', ({ connections }) => connections)],
    }),
    chart({ title: 'Resident memory', unit: 'MB', lines: [over('all processes', ({ rssBytes }) => rssBytes / 1e6)] }),
    chart({
      title: 'Event-loop delay',
      unit: 'ms',
      lines: [over('p99', ({ eventLoopP99Ms }) => eventLoopP99Ms)],
    }),
  ]
}

const figuresTable = (report: TestnetReport): string => {
  const { formedMs, uploads, downloads, load, accepted, registered, reading, identified, identityTimeouts } = report
  const [up, down] = [uploads[0], downloads[0]]
  const rows: [string, string][] = [
    ['formed in', `${formedMs} ms`],
    ['first upload', up === undefined ? '' : `${up.bytes} bytes in ${up.ms} ms`],
    ['first download', down === undefined ? '' : `${down.ms} ms, ${down.identical ? 'identical' : 'not identical'}`],
    ['accepted, registered, reading', `${accepted}, ${registered}, ${reading}`],
    ['identified', `${identified}`],
    ['identity timeouts', `${identityTimeouts}`],
    ['handshakes failed', `${report.handshakesFailed}`],
    ['bytes sent', `${report.udpBytesSent}`],
  ]
  if (load !== undefined) {
    rows.push(
      [
        'files under load',
        `${load.files.length}, of which ${load.files.filter(({ identical }) => identical).length} came back identical`,
      ],
      ['departures', `${load.departures}`],
      ['read again at the end', `${load.readBack}, of which ${load.lost} were lost`],
    )
  }
  return table(
    'In figures',
    ['what', 'how much'],
    rows.map((cells) => row(cells.map(escape))),
  )
}

const table = (caption: string, heads: readonly string[], rows: readonly string[]): string =>
  `<h2>${caption}</h2><table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>` +
  `<tbody>${rows.join('')}</tbody></table>`

const row = ([head = '', ...cells]: readonly string[]): string =>
  `<tr><th scope="row">${head}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
