// Whether the first packet of a connection is genuine, before there is a connection: for whoever has to know before others give way.
import type { Crypto } from '../ports.ts'
import { initialKeys } from './keys.ts'
import type { LongHeader } from './packet.ts'
import { openPacket } from './protection.ts'

/** Whether the Initial with `header`, the first packet of `datagram`, opens under its Initial keys. Changes nothing. */
export const opensInitial = (header: LongHeader, datagram: Uint8Array, crypto: Crypto): boolean => {
  const { read, write } = initialKeys(crypto, header.destinationId, 'server')
  const { start, payload: packetNumberAt, end } = header
  const opened = openPacket(read, datagram.slice(0, end), { start, packetNumberAt, end }, -1)
  read.release()
  write.release()
  return opened.kind === 'opened'
}
