// Asks a server which versions it speaks, by a first datagram of a version that nobody does (RFC 8999, RFC 9000 section 6).
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { Writer } from '../../src/core/bytes.ts'
import { parseHeader } from '../../src/core/quic/packet.ts'

/** One of those reserved to force negotiation. */
const VERSION_RESERVED = 0x1a2a3a4a
const DATAGRAM_BYTES = 1200
const ID_BYTES = 8
const ANSWER_MS = 5000

/** The versions in its answer, which has to be one to us. */
export const seesVersions = async (port: number): Promise<readonly number[]> => {
  const [destination, source] = [randomBytes(ID_BYTES), randomBytes(ID_BYTES)]
  const writer = new Writer(new Uint8Array(DATAGRAM_BYTES))
  writer.u8(0xc0)
  writer.u32(VERSION_RESERVED)
  for (const id of [destination, source]) {
    writer.u8(id.length)
    writer.put(id)
  }
  const socket = createSocket('udp4')
  try {
    socket.send(writer.bytes, port, '127.0.0.1')
    const [datagram] = (await once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })) as [Uint8Array]
    const header = parseHeader(datagram, 0, ID_BYTES)
    assert(header?.form === 'version-negotiation', 'the answer is no Version Negotiation')
    assert.deepEqual(Buffer.from(header.destinationId), source, 'the answer is not to us')
    assert.deepEqual(Buffer.from(header.sourceId), destination, 'the answer is not to what we said')
    return header.versions
  } finally {
    socket.close()
  }
}
