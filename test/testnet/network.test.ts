// A test network as its parts use it, without the command line.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { randomFile, sha256Of } from '../../src/testnet/content.ts'
import { Network } from '../../src/testnet/network.ts'

test('has clients for as many files as a long load brings', async () => {
  const network = await Network.start({ nodes: 8, processes: 2 })
  try {
    await network.form(new AbortController().signal)
    const original = await randomFile(join(network.root, 'original'), 1000)
    for (const number of [255, 256, 70_000]) {
      const copy = join(network.root, `copy-${number}`)
      const { link } = await network.upload(original, number)
      await network.download(link, copy, number + 1)
      assert.equal(await sha256Of(copy), await sha256Of(original))
    }
  } finally {
    await network.end()
  }
})
