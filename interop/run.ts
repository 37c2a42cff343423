// npm run interop: our client and server against implementations that we did not write. Builds the peers, runs each test with each
// in both directions, prints the table and writes it to interop/RESULTS.md. Exits with 1 when a cell failed, or when a peer could
// not be run though its toolchain is here.
//
//   --peer NAME, --test NAME, --ours client|server   only these; each may be said more than once; nothing is written then
//   --strangers                                      the peers among themselves instead
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CASES, type Case } from './cases.ts'
import { type Cell, type Outcome, runCell } from './cell.ts'
import { makeCertificates } from './certificates.ts'
import { prepareNgtcp2 } from './ngtcp2.ts'
import { ourPeer } from './ours.ts'
import type { Peer, Prepared } from './peer.ts'
import { killAll } from './process.ts'
import { prepareAioquic, prepareQuicGo, prepareQuinn } from './strangers.ts'
import { type Column, tables, wordOf } from './table.ts'

const { values: options } = parseArgs({
  options: {
    peer: { type: 'string', multiple: true, default: [] },
    test: { type: 'string', multiple: true, default: [] },
    skip: { type: 'string', multiple: true, default: [] },
    ours: { type: 'string', multiple: true, default: [] },
    strangers: { type: 'boolean', default: false },
  },
})
const chosen = (name: string, among: readonly string[]): boolean => among.length === 0 || among.includes(name)
const cases = CASES.filter(({ name }) => chosen(name, options.test) && !options.skip.includes(name))
const narrowings = [options.peer, options.test, options.skip, options.ours]
const isWhole = narrowings.every(({ length }) => length === 0) && !options.strangers

const directory = mkdtempSync(join(tmpdir(), 'sallyport-interop-'))
const leave = (code: number): never => {
  killAll()
  rmSync(directory, { recursive: true, force: true })
  process.exit(code)
}
process.on('SIGINT', () => leave(130))
process.on('SIGTERM', () => leave(143))

/** The peers, one after another: their builds want the whole machine. */
const prepare = async (): Promise<Prepared[]> => {
  const ways = { ngtcp2: prepareNgtcp2, aioquic: prepareAioquic, 'quic-go': prepareQuicGo, quinn: prepareQuinn }
  const prepared: Prepared[] = []
  for (const [name, way] of Object.entries(ways)) if (chosen(name, options.peer)) prepared.push(await way())
  return prepared
}

const certificates = await makeCertificates(directory)
if (certificates === null) {
  console.log('not run: no openssl to make certificates with')
  leave(process.env['CI'] === undefined ? 0 : 1)
}

const tried = async (cell: Cell): Promise<Outcome> => {
  if (certificates === null) throw new Error('no certificates')
  const outcome = await runCell(cell, { certificates, directory: join(directory, 'cell') })
  const { client, server, test } = cell
  const told = outcome.kind === 'pass' ? `${Math.round(outcome.ms)} ms` : outcome.reason
  console.log(`${client.name} to ${server.name}, ${test.title}: ${wordOf(outcome)} (${told})`)
  return outcome
}

const all = async (client: Peer, server: Peer, tests: readonly Case[]): Promise<Map<string, Outcome>> => {
  const outcomes = new Map<string, Outcome>()
  for (const test of tests) outcomes.set(test.name, await tried({ client, server, test }))
  return outcomes
}

const prepared = await prepare()
const peers = prepared.flatMap((one) => (one.kind === 'ready' ? [one.peer] : []))
const missing = prepared.flatMap((one) => (one.kind === 'ready' ? [] : [one]))

if (options.strangers) {
  for (const client of peers) {
    for (const server of peers) if (client.alpn === server.alpn) await all(client, server, cases)
  }
  leave(0)
}

const ours = ourPeer()
const columns: Column[] = []
for (const direction of ['client', 'server'] as const) {
  if (!chosen(direction, options.ours)) continue
  for (const peer of peers) {
    const outcomes = direction === 'client' ? await all(ours, peer, cases) : await all(peer, ours, cases)
    columns.push({ peer: peer.name, version: peer.version, ours: direction, outcomes })
  }
}
const text = tables(cases, columns, missing)
console.log(`\n${text}`)
if (isWhole) {
  const head = `# Spoken with strangers\n\nWritten by \`npm run interop\`; [README.md](README.md) says what each test is.\n\n`
  writeFileSync(join(import.meta.dirname, 'RESULTS.md'), head + text)
}
const outcomes = columns.flatMap(({ outcomes }) => [...outcomes.values()])
const count = (kind: Outcome['kind']): number => outcomes.filter((outcome) => outcome.kind === kind).length
console.log(`${count('pass')} passed, ${count('fail')} failed, ${count('lacks')} skipped`)
leave(count('fail') > 0 || missing.some(({ kind }) => kind === 'broken') ? 1 : 0)
