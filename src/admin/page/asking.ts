// How a page asks: once a second, unless it is held still.
import { element } from './words.ts'

const EVERY_MS = 1000
const ANSWER_MS = 5000

/** What is answered at a path; null where there is nothing to show yet. */
export const ask = async <Said>(path: string): Promise<Said | null> => {
  const response = await fetch(path, { signal: AbortSignal.timeout(ANSWER_MS) })
  return response.ok ? ((await response.json()) as Said) : null
}

/** Runs `refresh` now and once a second, but while the button `pause` is pressed; what it gives runs it at once. */
export const keepAsking = (refresh: () => Promise<void>): (() => void) => {
  let isPaused = false
  const once = async (): Promise<void> => {
    try {
      await refresh()
    } catch {
      element('who').classList.add('silent')
      element('who').textContent = 'The admin server does not answer.'
    }
  }
  const run = async (): Promise<void> => {
    if (!isPaused) await once()
    setTimeout(() => void run(), EVERY_MS)
  }
  element('pause').addEventListener('click', () => {
    isPaused = !isPaused
    element('pause').setAttribute('aria-pressed', String(isPaused))
  })
  void run()
  return () => void once()
}
