// Somebody who finishes handshakes and then says nothing, by the node's own endpoint and core: no control stream, no HELLO, whoever it met.
import type { Address } from '../../core/address.ts'
import { Counters } from '../../core/counters.ts'
import { connectionHandle } from '../../core/ids.ts'
import { ALPN } from '../../core/messages/codes.ts'
import { TRANSPORT_DEFAULTS } from '../../core/quic/settings.ts'
import type { Identity } from '../../io/ports.ts'
import { Endpoint } from '../../node/endpoint.ts'
import { limitsOf } from '../../node/options.ts'
import { Schedule } from '../../node/schedule.ts'
import type { Host } from '../host.ts'

/** One stranger, from `open` on; it goes when its host does. */
export class Stranger {
  readonly host: Host
  readonly #endpoint: Endpoint
  /** Handshakes finished and not ended since. Bounded by what it dials. */
  readonly #open = new Set<number>()
  #finished = 0
  #drawn = 0

  /** Starts the host and binds a socket there; `met` is told with whom a handshake has finished. */
  static async open(host: Host, identity: Identity, met: (remote: Address) => void = () => {}): Promise<Stranger> {
    const stranger = new Stranger(host, identity, met)
    await stranger.#endpoint.bind({ family: 4, ip: host.nic.ip4 ?? '', port: 7000 })
    return stranger
  }

  private constructor(host: Host, identity: Identity, met: (remote: Address) => void) {
    this.host = host
    const { ports } = host.start()
    this.#endpoint = new Endpoint({
      ports,
      identity,
      alpn: [ALPN],
      limits: limitsOf(),
      transport: TRANSPORT_DEFAULTS,
      schedule: new Schedule(ports.clock, ports.timers),
      counters: new Counters(),
      acceptance: {
        established: ({ handle, remote }) => {
          met(remote)
          this.#finished++
          this.#open.add(handle)
        },
        migrated: () => {},
        lost: (handle) => void this.#open.delete(handle),
        failed: () => {},
      },
      handles: { full: false, size: 0, draw: () => connectionHandle(++this.#drawn) },
    })
  }

  /** Handshakes it finished so far. */
  get finished(): number {
    return this.#finished
  }

  /** Connections of it that nobody has ended. */
  get open(): number {
    return this.#open.size
  }

  /** Begins so many handshakes at once. */
  dial(target: Address, times = 1): void {
    for (let n = 0; n < times; n++) this.#endpoint.dial(target, null)
  }
}
