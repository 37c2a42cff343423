// Three of ten nodes with real sockets and disks die without a word, one after the other, each when every chunk has its holders again: the
// file is still there. In virtual time, with many, this is test/world/kill-thirty.test.ts. A death is noticed after half a minute, so that
// one is all there is time for among the tests; `npm run try:thirty` has all three.
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { randomFile, sha256Of } from '../../src/testnet/content.ts'
import { Network } from '../../src/testnet/network.ts'

const NODES = 10
const HOLDERS = 7
/** How many die. */
const DEATHS = Number(process.env['SALLYPORT_DEATHS'] ?? 1)
/** For each of them: noticed after 30 s, and copied after that. */
const DEATH_MS = 180_000

/** The chunks on the disk of one node. */
const chunksOf = (root: string, index: number): string[] => {
  const directory = join(root, `node-${index}`, 'chunks')
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((path) => path.slice(3))
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
}

test('a file outlives nodes of ten that die one after the other', { timeout: 60_000 + DEATHS * DEATH_MS }, async () => {
  const network = await Network.start({ nodes: NODES, processes: 2 })
  const { root } = network
  try {
    await network.form(new AbortController().signal)
    const original = await randomFile(join(root, 'original'), 300_000)
    const { link } = await network.upload(original)
    const living = new Set(Array.from({ length: NODES }, (_, index) => index))
    const addresses = new Set([...living].flatMap((index) => chunksOf(root, index)))
    assert.equal(addresses.size, 2)
    const isWhole = (): boolean => {
      const held = [...living].flatMap((index) => chunksOf(root, index))
      return [...addresses].every((address) => held.filter((each) => each === address).length >= HOLDERS)
    }
    for (let killed = 0; killed < DEATHS; killed++) {
      const index = network.leavable.find((each) => living.has(each) && chunksOf(root, each).length > 0)
      assert.ok(index !== undefined)
      await network.leave({ index, politely: false })
      living.delete(index)
      while (!isWhole()) await setTimeout(200)
    }
    const copy = join(root, 'copy')
    await network.download(link, copy)
    assert.equal(await sha256Of(copy), await sha256Of(original))
  } finally {
    await network.end()
  }
})
