// UDP whose cable can be pulled: from then on nothing that is sent leaves, and nothing arrives. A node on it that is closed afterwards
// has died without a word, seen from all others, and gives back what it held all the same.
import type { Udp, UdpEvents } from '../../src/index.ts'

/** A UDP port over another one. */
export interface CuttableUdp extends Udp {
  cut(): void
}

export const cuttableUdp = (udp: Udp): CuttableUdp => {
  let cut = false
  return {
    cut: () => void (cut = true),
    bind: async (local, on: UdpEvents) => {
      const socket = await udp.bind(local, {
        datagram: (bytes, from) => {
          if (!cut) on.datagram(bytes, from)
        },
        failed: (error) => on.failed(error),
      })
      return {
        local: socket.local,
        send: (bytes, to, sent) => (cut ? void setImmediate(sent) : socket.send(bytes, to, sent)),
        kernelDrops: () => socket.kernelDrops(),
        close: () => socket.close(),
      }
    },
  }
}
