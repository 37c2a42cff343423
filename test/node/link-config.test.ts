import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseAddress } from '../../src/core/address.ts'
import { suitesTo } from '../../src/node/link-config.ts'

describe('the cipher suites a node offers', () => {
  const to = (text: string, swiftest: 0x1301 | 0x1303) => suitesTo(parseAddress(text)!.address, { swiftest })

  it('begin with AES-128-GCM to loopback, whatever is fast here', () => {
    for (const address of ['/ip4/127.0.0.9/udp/1/quic-v1', '/ip6/::1/udp/1/quic-v1']) {
      for (const swiftest of [0x1301, 0x1303] as const) assert.deepEqual(to(address, swiftest), [0x1301, 0x1303])
    }
  })

  it('begin elsewhere with ChaCha20-Poly1305 where that is the fastest, and with AES-128-GCM where it is not', () => {
    for (const address of [
      '/ip4/192.0.2.1/udp/1/quic-v1',
      '/ip6/2001:db8::1/udp/1/quic-v1',
      '/ip4/10.0.0.1/udp/1/quic-v1',
    ]) {
      assert.deepEqual(to(address, 0x1303), [0x1303, 0x1301])
      assert.deepEqual(to(address, 0x1301), [0x1301, 0x1303])
    }
  })
})
