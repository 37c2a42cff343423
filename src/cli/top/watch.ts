// Asks an admin server for its snapshot.
import type { Finding } from '../../admin/findings.ts'
import type { Point } from '../../admin/history.ts'
import { SallyportError } from '../../index.ts'

/** What is used of a snapshot; there is more in it. */
export interface Snapshot {
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly version: string
  readonly upSeconds: number
  readonly rssBytes: number
  readonly ageMs: number
  readonly readiness: { readonly isWell: boolean; readonly text: string }
  readonly findings: readonly Finding[]
  /** The last second; null before there is one. */
  readonly last: Point | null
  readonly gauges: Readonly<Record<string, number | readonly number[]>>
  readonly connections: { readonly total: number; readonly rows: readonly Row[] }
  readonly endings: readonly EndingRow[]
}

/** A connection, as it is told. */
export interface Row {
  readonly direction: string
  readonly state: string
  readonly peerId: string | null
  readonly remote: string
  readonly ageMs: number
  readonly rttMs: number
  readonly userAgent: string | null
}

/** One that is not here any more, or never was. */
export interface EndingRow {
  readonly kind: string
  readonly why: string
  readonly peerId: string | null
  readonly remote: string
  readonly agoMs: number
  readonly detail: string
}

/** How long an answer may take, in milliseconds, and how large it may be. */
const ANSWER_MS = 3000
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

/** One snapshot; rejects with WINDOW_UNREACHABLE. */
export const ask = async (url: string, token: string | undefined, signal: AbortSignal): Promise<Snapshot> => {
  const until = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)])
  const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  try {
    const response = await fetch(`${url}/snapshot`, { headers, signal: until, redirect: 'error' })
    const bytes = Number(response.headers.get('content-length') ?? Infinity)
    if (bytes > ANSWER_BYTES_MAX) throw new Error('it is no admin server')
    const text = await response.text()
    if (!response.ok) throw new Error(`${response.status}, ${text.trim().slice(0, 100)}`)
    const value = JSON.parse(text) as Snapshot
    if (typeof value.peerId !== 'string') throw new Error('it is no admin server')
    return value
  } catch (error) {
    signal.throwIfAborted()
    throw new SallyportError('WINDOW_UNREACHABLE', `${url} did not answer: ${reasonOf(error)}`, error)
  }
}

/** Where fetch says nothing but that it failed, its cause says why. */
const reasonOf = (error: unknown): string => {
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } }
  return cause?.code ?? cause?.message ?? message ?? String(error)
}
