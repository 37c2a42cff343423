// The kinds of silence: how far a client goes before it says nothing any more. The further it goes, the more it has cost both sides.
import { SallyportError } from '../index.ts'

/**
 * `half-open` sends a first flight and never answers, not even a Retry; `retry` answers the Retry, then nothing; `half-hello` sends half
 * a ClientHello, after a Retry too; `mute` finishes TLS and never sends HELLO; `deaf` says HELLO, asks for much and never reads again.
 */
export const SILENCES = ['half-open', 'retry', 'half-hello', 'mute', 'deaf'] as const
export type Silence = (typeof SILENCES)[number]

/** How many clients of each kind. */
export type SilentCounts = Readonly<Partial<Record<Silence, number>>>

/** More would need more sockets than a process has. */
const SILENT_MAX = 10_000

/** Reads `20`, which is so many half-open ones, or `mute=20`; several add up. Throws ARGUMENT_INVALID. */
export const silentCounts = (texts: readonly string[]): SilentCounts => {
  const counts: Partial<Record<Silence, number>> = {}
  for (const text of texts) {
    const [, name = 'half-open', digits = ''] = /^(?:([a-z-]+)=)?(\d{1,5})$/.exec(text) ?? []
    const kind = SILENCES.find((silence) => silence === name)
    if (kind === undefined || digits === '') throw invalid(`"${text}" is no number of silent clients, such as mute=20`)
    counts[kind] = (counts[kind] ?? 0) + Number(digits)
  }
  if (silentTotal(counts) > SILENT_MAX) throw invalid(`there can be ${SILENT_MAX} silent clients, no more`)
  return counts
}

/** All kinds together. */
export const silentTotal = (counts: SilentCounts): number =>
  SILENCES.reduce((total, silence) => total + (counts[silence] ?? 0), 0)

const invalid = (message: string): SallyportError => new SallyportError('ARGUMENT_INVALID', message)
