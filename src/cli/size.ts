// Sizes, times and numbers of things as people write and read them: MB is 10⁶ bytes, MiB is 2²⁰.

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
}

/** The bytes a text such as `20MB`, `1.5 MiB` or `4096` spells, or null; units in either case. */
export const parseSize = (text: string): number | null => {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text)
  const unit = UNITS[match?.[2]?.toLowerCase() ?? 'none']
  if (match === null || unit === undefined) return null
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : null
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 60e3 }

/** The milliseconds a text such as `50ms`, `1.5s` or `2m` spells, whole ones, or null; the unit must be there. */
export const parseDuration = (text: string): number | null => {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)$/.exec(text)
  return match === null ? null : Math.round(Number(match[1]) * (DURATION_UNITS[match[2] ?? ''] ?? 0))
}

/** Bytes in the largest decimal unit that leaves at least 1: `20.0 MB`, `512 B`. */
export const formatSize = (bytes: number): string => {
  if (bytes < 1e3) return `${bytes} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

/** Milliseconds as seconds with two decimals: `1.25 s`. */
export const formatSeconds = (ms: number): string => `${(ms / 1e3).toFixed(2)} s`

/** A number of things: `1 chunk`, `5 chunks`. */
export const formatCount = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`

/** Milliseconds as a clock counts them down: `0:05`, `12:34`, `3:02:01`. */
export const formatClock = (ms: number): string => {
  const seconds = Math.max(0, Math.ceil(ms / 1e3))
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const two = (n: number): string => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
