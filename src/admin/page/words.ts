// How numbers are written on the page.

/** Milliseconds for people; a dash where nothing was timed. */
export const ms = (value: number | null | undefined): string => {
  if (value === null || value === undefined) return '–'
  return value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${(value / 1000).toFixed(1)} s`
}

/** Bytes in decimal units. */
export const size = (bytes: number): string => {
  if (bytes < 1e3) return `${Math.round(bytes)} B`
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`
}

/** A number of things. */
export const count = (n: number | null | undefined): string => (n ?? 0).toLocaleString('en')

/** A moment's time of day. */
export const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' })

/** So many a second. */
export const rate = (n: number | null | undefined): string =>
  `${(n ?? 0) < 10 && (n ?? 0) % 1 !== 0 ? (n ?? 0).toFixed(1) : Math.round(n ?? 0)}/s`

/** A span of time in its largest whole unit. */
export const span = (value: number): string => {
  const seconds = Math.floor(value / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`
}

/** The element of an id; the page has it. */
export const element = <Kind extends Element = HTMLElement>(id: string): Kind => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no ${id}`)
  return found as Element as Kind
}
