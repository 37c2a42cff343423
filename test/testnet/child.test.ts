// A child process as its parent sees it, where starting it fails already.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Child } from '../../src/testnet/child.ts'

test('a child that the system refuses to start is told as failed, and ends', { timeout: 20_000 }, async () => {
  const { execPath } = process
  process.execPath = `${import.meta.dirname}/no-such-program`
  const child = new Child(new URL('../../src/testnet/host.ts', import.meta.url))
  process.execPath = execPath
  await assert.rejects(child.died, { code: 'TESTNET_FAILED' })
  await assert.rejects(child.request({}), { code: 'TESTNET_FAILED' })
  await child.end()
})
