import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pair } from './pair.ts'

const request = { label: 'EXPORTER-test', context: new Uint8Array(3), length: 40 }

describe('keying material of a connection', () => {
  it('is the same at both ends, once the handshake is complete', () => {
    const pair = new Pair({ client: { exporter: true }, server: { exporter: true } })
    assert.equal(pair.client.live.exportKeys(request), null)
    pair.establish()
    const keys = pair.client.live.exportKeys(request)
    assert.equal(keys?.length, 40)
    assert.deepEqual(pair.server.live.exportKeys(request), keys)
  })

  it('is not to be had where the configuration says nothing of it', () => {
    const pair = new Pair()
    pair.establish()
    assert.equal(pair.client.live.exportKeys(request), null)
  })

  it('comes with lines of a key log where the configuration says so', () => {
    const pair = new Pair({ server: { keyLog: true } })
    pair.establish()
    const lines = ({ log }: typeof pair.client) =>
      log.flatMap((output) => (output.kind === 'key-log' ? [output.line] : []))
    assert.equal(lines(pair.server).length, 5)
    assert.equal(lines(pair.client).length, 0)
  })
})
