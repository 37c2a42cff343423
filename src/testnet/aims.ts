// What a test network is to keep to on 2 cores and 24 GB, and whether it did. Pure: figures in, verdicts out.
import type { LoadReport } from './load.ts'
import { quartersOf } from './quartiles.ts'
import type { Quarters } from './quartiles.ts'

/** What was measured of a network at rest, after it was formed and before anything was uploaded. */
export interface RestFigures {
  /** Inbound handshakes that finished, of all nodes. */
  readonly handshakes: number
  readonly rssBytes: number
  /** CPU time of all host processes over the time that went by. */
  readonly cores: number
}

/** Everything that aims are judged by. */
export interface Figures {
  readonly nodes: number
  readonly formedMs: number
  readonly rest: RestFigures
  readonly bytes: number
  readonly uploadMs: number
  readonly downloadMs: number
  readonly identical: boolean
  readonly load: LoadReport | null
  readonly accepted: number
  readonly registered: number
  readonly reading: number
  readonly identityTimeouts: number
}

/** One aim and what became of it. */
export interface Aim {
  readonly name: string
  /** What was aimed at, and what was measured, as people read it. */
  readonly aim: string
  readonly measured: string
  /** Null: this run did not measure it. */
  readonly met: boolean | null
}

const FORMED_MS = 120_000
const HANDSHAKES = 30
const UPLOAD_MS = 20_000
const DOWNLOAD_MS = 10_000
/** The file that these two times are for; larger ones may take longer in proportion. */
const FILE_BYTES = 50e6
const RSS_BYTES = 6e6
const CORES = 1
const LATER = 1.05

/** The verdict on each aim, in the order of the list. */
export const aimsOf = (figures: Figures): Aim[] => [
  ...restAims(figures),
  ...transferAims(figures),
  ...loadAims(figures),
]

/** The aims that were missed, named in one line; null when none was. */
export const missedOf = (aims: readonly Aim[]): string | null => {
  const missed = aims.filter(({ met }) => met === false)
  if (missed.length === 0) return null
  return missed.map(({ name, aim, measured }) => `${name} ${measured}, to be ${aim}`).join('; ')
}

const restAims = ({ nodes, formedMs, rest }: Figures): Aim[] => [
  atMost('formation', formedMs, FORMED_MS, seconds),
  atMost('handshakes a node', rest.handshakes / nodes, HANDSHAKES, (n) => n.toFixed(1)),
  atMost('resident memory a node', rest.rssBytes / nodes, RSS_BYTES, (bytes) => `${(bytes / 1e6).toFixed(2)} MB`),
  atMost('idle CPU', rest.cores, CORES, (cores) => `${cores.toFixed(2)} cores`),
]

const transferAims = ({ bytes, uploadMs, downloadMs }: Figures): Aim[] => {
  const share = Math.max(1, bytes / FILE_BYTES)
  return [
    atMost('upload on the idle network', uploadMs, UPLOAD_MS * share, seconds),
    atMost('download on the idle network', downloadMs, DOWNLOAD_MS * share, seconds),
  ]
}

const loadAims = (figures: Figures): Aim[] => {
  const { load, accepted, registered, reading, identityTimeouts, identical } = figures
  const times = load?.files.flatMap(({ uploadMs }) => (uploadMs === null ? [] : [uploadMs])) ?? []
  const lost = (load?.lost ?? 0) + (identical ? 0 : 1)
  return [
    quartersAim(quartersOf(times)),
    { name: 'honest identity timeouts', aim: '0', measured: `${identityTimeouts}`, met: identityTimeouts === 0 },
    {
      name: 'accepted, registered and reading',
      aim: 'equal',
      measured: `${accepted}, ${registered}, ${reading}`,
      met: accepted === registered && registered === reading,
    },
    { name: 'acknowledged files that cannot be read', aim: '0', measured: `${lost}`, met: lost === 0 },
  ]
}

const quartersAim = (quarters: Quarters | null): Aim => {
  const name = 'median upload of the last quarter over the first'
  const aim = `at most ${LATER}`
  if (quarters === null) return { name, aim, measured: 'not measured', met: null }
  const { first, last } = quarters
  const ratio = last.median / first.median
  const range = ({ median, low, high }: Quarters['first']): string =>
    `${seconds(median)} (${seconds(low)} to ${seconds(high)})`
  return { name, aim, measured: `${ratio.toFixed(3)}: ${range(first)}, then ${range(last)}`, met: ratio <= LATER }
}

const atMost = (name: string, value: number, most: number, text: (value: number) => string): Aim => ({
  name,
  aim: `at most ${text(most)}`,
  measured: text(value),
  met: value <= most,
})

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
