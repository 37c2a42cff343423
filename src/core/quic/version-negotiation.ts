// The answer to a version we do not speak (RFC 9000 section 17.2.1), and what a client makes of one.
import { Writer } from '../bytes.ts'
import type { Random } from '../ports.ts'
import { VERSION_1, type UnknownVersionHeader, type VersionNegotiationHeader } from './packet.ts'

/** Writes a Version Negotiation packet in answer to `header` and returns its length; one reserved version keeps peers honest. */
export const versionNegotiation = (header: UnknownVersionHeader, into: Uint8Array, random: Random): number => {
  const noise = new Uint8Array(5)
  random.fill(noise)
  const writer = new Writer(into)
  writer.u8(0xc0 | noise[0]!)
  writer.u32(0)
  writer.u8(header.sourceId.length)
  writer.put(header.sourceId)
  writer.u8(header.destinationId.length)
  writer.put(header.destinationId)
  writer.u32(VERSION_1)
  for (let i = 1; i < 5; i++) writer.u8((noise[i]! & 0xf0) | 0x0a)
  return writer.at
}

/** Whether a client that sent version 1 has to give up: the packet is an answer to it and does not list version 1. */
export const versionRefused = (
  header: VersionNegotiationHeader,
  ids: { local: Uint8Array; remote: Uint8Array; same: (a: Uint8Array, b: Uint8Array) => boolean },
): boolean =>
  ids.same(header.destinationId, ids.local) &&
  ids.same(header.sourceId, ids.remote) &&
  !header.versions.includes(VERSION_1)
