// Handshakes begun and left, in any protocol over UDP: the peer's own client dials a socket of ours that answers nothing, and what it sends
// there first is sent on, from that socket, to the server that is to be kept waiting. The answers of the server come back to a socket
// whose owner has left.
import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

/** Begins a handshake with whoever is at a port of 127.0.0.1; may reject or resolve whenever it likes. */
export type Begin = (port: number, signal: AbortSignal) => Promise<unknown>

/** A first flight is sent in one go: what comes later than this after its first datagram is a repetition. */
const FLIGHT_MS = 40
/** How many flights are caught at the same time: few, so that none waits for the processor until it repeats itself. */
const AT_ONCE = 8
/** More than any first flight needs. */
const DATAGRAMS_MAX = 8
const BEGIN_TIMEOUT_MS = 5_000

interface Flight {
  readonly socket: Socket
  readonly datagrams: readonly Buffer[]
}

/** Leaves `count` handshakes begun with the server at `port`, and resolves once all have been sent. */
export const leaveFirstFlights = async (port: number, count: number, begin: Begin): Promise<void> => {
  for (let left = count; left > 0; left -= AT_ONCE) {
    const flights = Array.from({ length: Math.min(left, AT_ONCE) }, () => catchFlight(begin))
    for (const { socket, datagrams } of await Promise.all(flights))
      for (const datagram of datagrams) socket.send(datagram, port, '127.0.0.1')
  }
}

const catchFlight = async (begin: Begin): Promise<Flight> => {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const datagrams: Buffer[] = []
  const keep = (datagram: Buffer): void => {
    if (datagrams.length < DATAGRAMS_MAX) datagrams.push(datagram)
  }
  const first = once(socket, 'message', { signal: AbortSignal.timeout(BEGIN_TIMEOUT_MS) })
  socket.on('message', keep)
  const stop = new AbortController()
  begin(socket.address().port, stop.signal).catch(() => {})
  await first
  await sleep(FLIGHT_MS)
  socket.off('message', keep)
  // It stays open for answers to vanish in, but keeps no process.
  socket.unref()
  stop.abort()
  return { socket, datagrams }
}
