// Writes docs/cli.md and docs/errors.md from the tables that the command line itself uses; a test compares. Run as a program it writes
// the files.
import { writeFileSync } from 'node:fs'
import { ERROR_CODES, SEND_STAGES } from '../index.ts'
import { COMMANDS } from './options.ts'
import type { CommandName } from './options.ts'
import { helpOf } from './parse.ts'
import { REMEDIES, STAGES } from './remedies.ts'

const MADE = '<!-- Made by "npm run docs:cli" from src/cli; a test compares. -->'

const GENERAL = [
  '- With `--json` the result is the last line of stdout, one JSON object on one line. Notes about what is going on go to stderr, always.',
  '- On failure stderr tells what happened and what to do about it; with `--json` the last line of stdout is `{ "error": { "code", "message", "remedy" } }`, beside whatever figures there are. The codes are explained in [errors.md](errors.md).',
  '- Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted by SIGINT or SIGTERM (but for `start`, which SIGTERM tells that it is done).',
  '- Sizes take units: MB is 10⁶ bytes, MiB is 2²⁰. Addresses are written as `start` prints them; a node to join through may be named, `/dns4/…` for IPv4 and `/dns6/…` for IPv6. An option that takes several values takes them one after another or is given several times.',
]

const STAGE_INTRODUCTION =
  'Of a request or message that failed, `code` says why (REQUEST_TIMEOUT at its deadline, RESET_BY_PEER, CONNECTION_LOST, PEER_BUSY …) and `stage` how far it had come; it is null for all other errors. What failed at `no-peer`, `open` or `write` can be sent again without being done twice. A connection that is found dead, or goes away, before a byte was written is replaced by the next one, or a fresh one, exactly once; what a write began is never repeated.'

const NAMES = Object.keys(COMMANDS) as CommandName[]

/** The text of docs/cli.md. */
export const commandLinePage = (): string =>
  [
    '# The command line',
    MADE,
    'From a checkout, `npm run -s sallyport -- <command>` runs the command line on the Node that the project brings; below, `sallyport` stands for that.',
    GENERAL.join('\n'),
    block(helpOf()),
    ...NAMES.flatMap((name) => [`## ${name}`, block(helpOf(name)), ...COMMANDS[name].details]),
  ].join('\n\n') + '\n'

/** The text of docs/errors.md. */
export const errorsPage = (): string =>
  [
    '# Errors',
    MADE,
    'The public API throws one class, `SallyportError`. Its `code` is one of these; match on the code, never on the message. `cause` is the underlying error where there is one. The command line prints the remedy with the message.',
    STAGE_INTRODUCTION,
    ['| `stage` | |', '|---|---|', ...SEND_STAGES.map((stage) => `| \`${stage}\` | ${STAGES[stage]} |`)].join('\n'),
    ...ERROR_CODES.flatMap((code) => [`## ${code}`, REMEDIES[code].meaning, `**Remedy.** ${REMEDIES[code].remedy}`]),
  ].join('\n\n') + '\n'

const block = (text: string): string => `\`\`\`text\n${text.trimEnd()}\n\`\`\``

if (import.meta.main) {
  const docs = new URL('../../docs/', import.meta.url)
  writeFileSync(new URL('cli.md', docs), commandLinePage())
  writeFileSync(new URL('errors.md', docs), errorsPage())
}
