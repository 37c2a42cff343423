// Asks an admin server for its snapshot.
import type { Snapshot } from '../../admin/shown.ts'
import { SallyportError } from '../../index.ts'

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
