// Coming back without a signature: the tickets a node gives to those who dial it, and the sessions it dials with. Who comes back is who it was
// when it signed; whether it may is asked again, as of everybody.
import type { PeerId } from '../core/ids.ts'
import type { QuicConfig } from '../core/quic/connection.ts'
import { KeptSessions } from '../core/tls/kept-sessions.ts'
import type { ResumableSession } from '../core/tls/pre-shared-key.ts'
import { Tickets } from '../core/tls/tickets.ts'
import type { Ports } from '../io/ports.ts'

/** One node's. Its keys and sessions go with the process. */
export class Returning {
  readonly #clock: Ports['clock']
  readonly #tickets: Tickets
  readonly #sessions = new KeptSessions()

  constructor(ports: Pick<Ports, 'clock' | 'crypto' | 'random'>) {
    this.#clock = ports.clock
    this.#tickets = new Tickets(ports)
  }

  /** What a dial begins with: a session with the peer that is wanted, if there is one. Whoever dials anybody comes as a stranger. */
  dialling(expected: PeerId | null): Pick<QuicConfig, 'keepsSessions' | 'resume'> {
    const resume = expected === null ? null : this.#sessions.take(expected, this.#clock.now())
    return { keepsSessions: true, ...(resume === null ? {} : { resume }) }
  }

  /** What an acceptor begins with. */
  accepting(): Pick<QuicConfig, 'tickets'> {
    const clock = this.#clock
    return {
      tickets: {
        open: (ticket) => this.#tickets.open(ticket, clock.wall()),
        seal: (ticket) => {
          const wall = clock.wall()
          return this.#tickets.seal({ ...ticket, signedAt: ticket.signedAt ?? wall }, wall)
        },
      },
    }
  }

  /** A ticket came. */
  keep(session: ResumableSession): void {
    this.#sessions.keep(session, this.#clock.now())
  }
}
