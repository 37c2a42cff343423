// All ports together, and the threads that the nodes of a process share.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toHex } from '../../src/core/bytes.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import { systemPorts } from '../../src/io/system.ts'
import { ask } from '../support/workers-compliance.ts'

describe('the ports of the machine', () => {
  it('share their threads until the last is closed, each closed one only for itself', async () => {
    const identity = await generateIdentity()
    const work = { id: 1, kind: 'hash-chunk', stored: new Uint8Array(1) } as const
    const [a, b] = [await systemPorts(), await systemPorts()]
    await Promise.all([a.close(), a.close()])
    assert.equal((await ask(a.workers, work, identity)).kind, 'failed')
    assert.equal((await ask(b.workers, { ...work, stored: new Uint8Array(1) }, identity)).kind, 'hash-chunk')
    await b.workers.close()
    await using c = await systemPorts()
    assert.equal((await ask(c.workers, { ...work, stored: new Uint8Array(1) }, identity)).kind, 'hash-chunk')
  })

  it('give randomness that does not repeat', async () => {
    await using ports = await systemPorts()
    const [a, b] = [new Uint8Array(32), new Uint8Array(32)]
    ports.random.fill(a)
    ports.random.fill(b)
    assert.notDeepEqual(a, b)
  })

  it('give randomness of any length, of which all bytes are new', async () => {
    await using ports = await systemPorts()
    const seen = new Set<string>()
    for (let round = 0; round < 40; round++) {
      for (const length of [0, 16, 100, 1_000, 4_096, 4_097, 20_000]) {
        const bytes = new Uint8Array(length)
        ports.random.fill(bytes)
        for (let at = 0; at + 16 <= length; at += 16) seen.add(toHex(bytes.subarray(at, at + 16)))
      }
    }
    assert.equal(seen.size, 40 * (1 + 6 + 62 + 256 + 256 + 1_250))
  })
})
