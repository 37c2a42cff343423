// Runs every numbered example in a process of its own, as CI does; fails with the first that fails.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const EXAMPLE_MS = 60_000

for (const name of readdirSync(import.meta.dirname).filter((file) => /^\d\d-.*\.ts$/.test(file))) {
  console.log(`\n${name}`)
  const example = join(import.meta.dirname, name)
  const { status } = spawnSync(process.execPath, [example], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: EXAMPLE_MS,
  })
  if (status !== 0) throw new Error(`${name} failed`)
}
