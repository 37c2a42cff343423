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
  /** What every acceptor begins with. */
  readonly #accepting: Pick<QuicConfig, 'tickets'>
  readonly #sessions = new KeptSessions()

  constructor(ports: Pick<Ports, 'clock' | 'crypto' | 'random'>) {
    const { clock } = ports
    const tickets = new Tickets(ports)
    this.#clock = clock
    this.#accepting = {
      tickets: {
        open: (ticket) => tickets.open(ticket, clock.wall()),
        seal: (ticket) => {
          const wall = clock.wall()
          return tickets.seal({ ...ticket, signedAt: ticket.signedAt ?? wall }, wall)
        },
      },
    }
  }

  /** What a dial begins with: a session with the peer that is wanted, if there is one. Whoever dials anybody comes as a stranger. */
  dialling(expected: PeerId | null): Pick<QuicConfig, 'keepsSessions' | 'resume'> {
    const resume = expected === null ? null : this.#sessions.take(expected, this.#clock.now())
    return { keepsSessions: true, ...(resume === null ? {} : { resume }) }
  }

  /** What an acceptor begins with. */
  accepting(): Pick<QuicConfig, 'tickets'> {
    return this.#accepting
  }

  /** A ticket came. */
  keep(session: ResumableSession): void {
    this.#sessions.keep(session, this.#clock.now())
  }
}
