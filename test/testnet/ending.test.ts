// How a test network of the command line ends: whoever ends it, or a part of it, nothing is left behind.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { run } from '../cli/run.ts'
import type { Failure } from '../cli/run.ts'
import { directory, environment, leftovers, processesOf, spawnTestnet, until } from './scratch.ts'

describe('a test network', () => {
  test('ends its processes and removes its files when it is interrupted', async () => {
    const child = spawnTestnet()
    const exited = once(child, 'exit')
    await Promise.race([once(createInterface(child.stdout), 'line'), exited])
    child.kill('SIGINT')
    assert.deepEqual(await exited, [130, null])
    assert.deepEqual(leftovers(), [])
  })

  test('fails, and leaves nothing behind, when one of its processes dies', { skip: !existsSync('/proc') }, async () => {
    const child = spawnTestnet('--upload-size', '50MB', '--json')
    const exited = once(child, 'exit')
    const output = text(child.stdout)
    const hosts = await processesOf(child)
    process.kill(hosts[1]!, 'SIGKILL')
    assert.deepEqual(await exited, [1, null])
    const { error } = JSON.parse(await output) as Failure
    assert.equal(error.code, 'TESTNET_FAILED')
    assert.match(error.message, /SIGKILL/)
    assert.deepEqual(leftovers(), [])
  })

  test(
    'ends its processes and removes its files when it is killed itself',
    { skip: !existsSync('/proc') },
    async () => {
      const child = spawnTestnet('--upload-size', '50MB')
      const hosts = await processesOf(child)
      child.kill('SIGKILL')
      await until(() => hosts.every((pid) => !existsSync(`/proc/${pid}`)))
      assert.deepEqual(leftovers(), [])
    },
  )

  test(
    'is cleared away by the next when all its processes were killed at once',
    { skip: !existsSync('/proc') },
    async () => {
      const child = spawnTestnet('--upload-size', '50MB')
      const hosts = await processesOf(child)
      await once(createInterface(child.stdout), 'line')
      for (const pid of [...hosts, child.pid!]) process.kill(pid, 'SIGKILL')
      await until(() => [...hosts, child.pid!].every((pid) => !existsSync(`/proc/${pid}`)))
      const [left] = leftovers()
      assert.ok(left !== undefined, 'nobody was left to remove it')
      const before = new Date(Date.now() - 60_000)
      utimesSync(join(directory, left), before, before)
      const next = await run(['testnet', '--nodes', '8', '--upload-size', '1kB'], environment)
      assert.equal(next.code, 0, next.stderr)
      assert.deepEqual(leftovers(), [])
    },
  )
})
