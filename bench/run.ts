// Every aim of QUIC measured in one run, in ten minutes or less: bulk beside its ceiling, handshakes beside their cryptography, the memory of an
// idle connection, ten thousand idle ones. `--check` exits 1 naming each missed aim; `--write` puts the table into bench/README.md; `--only`
// measures what has that word in its name: bulk, handshake, memory, idle.
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Aim, aimsTable, bulkAim, delayAim, handshakeAims, memoryAim } from './aims.ts'
import { measureBulk } from './macro/bulk.ts'
import { INTERNET_BYTES, LOOPBACK_BYTES } from './macro/bulk-settings.ts'
import { HANDSHAKE_LOAD, measureHandshakes } from './macro/handshake.ts'
import { measureMemory, measureThrong } from './macro/idle.ts'
import { commit, machine } from './macro/report.ts'

const MEGABYTES = 128
/** Of large datagrams more, or half of it would go by until the code of the receiver is compiled. */
const MEGABYTES_LARGE = 1024

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    check: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
})

const PARTS: readonly { readonly name: string; readonly measure: () => Promise<readonly Aim[]> }[] = [
  {
    name: 'bulk',
    measure: async () => [
      bulkAim(
        `datagrams of ${INTERNET_BYTES} bytes, with sodium-native`,
        await measureBulk({ datagramBytes: INTERNET_BYTES, sodium: true }, MEGABYTES),
      ),
      bulkAim(
        `datagrams of ${INTERNET_BYTES} bytes, without`,
        await measureBulk({ datagramBytes: INTERNET_BYTES, sodium: false }, MEGABYTES),
      ),
      bulkAim(
        `datagrams of ${LOOPBACK_BYTES} bytes, as on loopback`,
        await measureBulk({ datagramBytes: LOOPBACK_BYTES, sodium: true }, MEGABYTES_LARGE),
      ),
    ],
  },
  { name: 'handshake', measure: async () => handshakeAims(await measureHandshakes(HANDSHAKE_LOAD)) },
  {
    name: 'memory',
    measure: async () => [
      memoryAim('the end that was dialled', await measureMemory('dialled')),
      memoryAim('the end that dialled', await measureMemory('dialling')),
    ],
  },
  { name: 'idle', measure: async () => [delayAim(await measureThrong())] },
]

const where = `${machine()}, ${commit()}`
console.log(where)
const aims: Aim[] = []
for (const { name, measure } of PARTS.filter(({ name }) => name.includes(flags.only))) {
  const begun = performance.now()
  const measured = await measure()
  aims.push(...measured)
  for (const { what, measured: figure, beside, isMet } of measured)
    console.log(`  ${isMet ? 'met   ' : 'MISSED'} ${what}: ${figure} (${beside})`)
  console.log(`  ${name} took ${((performance.now() - begun) / 1e3).toFixed(0)} s`)
}

if (flags.write) {
  const readme = new URL('README.md', import.meta.url)
  const [begin, end] = ['<!-- aims: written by --write -->', '<!-- aims: end -->']
  const [before, rest = ''] = (await readFile(readme, 'utf8')).split(begin)
  const [, after = ''] = rest.split(end)
  await writeFile(readme, `${before}${begin}\n${where}, \`npm run bench\`.\n\n${aimsTable(aims)}\n${end}${after}`)
}

const missed = aims.filter(({ isMet }) => !isMet)
if (flags.check && missed.length > 0) {
  console.error(
    `missed aims:\n${missed.map(({ what, aim, measured }) => `${what}: ${aim}; measured ${measured}`).join('\n')}`,
  )
  process.exitCode = 1
}
