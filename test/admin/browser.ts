// A real Chromium, the system's own; null where there is none.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
]

/** Where it is: what the variable CHROMIUM says, or one of the usual places. */
const place = [process.env['CHROMIUM'] ?? '', ...PLACES].find((path) => path !== '' && existsSync(path)) ?? null

/** Why tests in a browser are skipped, or false. */
export const noBrowser: string | false = place === null && 'there is no Chromium here (set CHROMIUM to its path)'

/** Starts it; where this user is root, it has no sandbox of its own. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: place ?? '', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
