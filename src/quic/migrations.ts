// How a session moves: the end that connected does so of its own will, to a socket that it binds for it, and goes on as if nothing had been.
// That either end is elsewhere is told, whoever wanted it.
import { type Address, addressOf, addressText } from '../core/address.ts'
import { SallyportError } from '../core/errors.ts'
import type { Clock } from '../io/ports.ts'
import { abandonable } from '../node/abandonable.ts'
import type { Link } from '../node/link.ts'
import type { Schedule } from '../node/schedule.ts'
import { unlessAborted } from './abort.ts'
import { Inbox } from './inbox.ts'
import { type AbortOptions, checkPort } from './options.ts'

/** Where a session is now: the peer's address, and ours. */
export interface Migration {
  readonly remote: Address
  readonly local: Address
}

/** Options of `session.migrate`. */
export interface MigrateOptions extends AbortOptions {
  /** The IP address and port to send from. Default: the address as before, any free port. */
  readonly local?: { readonly host?: string; readonly port?: number }
}

/** The sockets of the session's endpoint; each has a number among those of its family. */
export interface MoreSockets {
  add(local: Address): Promise<{ readonly local: Address; readonly number: number }>
  release(family: 4 | 6, number: number): Promise<void>
}

/** What moving needs; without sockets nothing is moved. */
export interface MigrationParts {
  readonly clock: Clock
  readonly schedule: Schedule
  readonly sockets: MoreSockets | null
}

/** Moves that nobody has taken note of; of more the oldest is forgotten. */
const TOLD_MAX = 16

/** How long a handshake may take to be confirmed, and the peer to give another connection id; and how often that is tried. */
const READY_MS = 10_000
const TRY_MS = 25

/** Packets on their way to the socket that was left are still read for so long: three probe timeouts of a path that nothing is known of. */
const FORMER_MS = 3000

/** See the head of this file. */
export class Migrations implements AsyncIterable<Migration> {
  readonly #link: Link
  readonly #parts: MigrationParts
  /** Bounded by TOLD_MAX. */
  readonly #told = new Inbox<Migration>()
  /** The call before, which the next one waits for. */
  #last: Promise<void> = Promise.resolve()
  #underway: { readonly number: number; done(error: SallyportError | null): void } | null = null
  #over: SallyportError | null = null

  constructor(link: Link, parts: MigrationParts) {
    this.#link = link
    this.#parts = parts
  }

  /** Moves to another socket of ours; one call after another. */
  async migrate(options: MigrateOptions): Promise<Address> {
    const { sockets } = this.#parts
    if (sockets === null) throw new SallyportError('ARGUMENT_INVALID', 'only the end that connected can move a session')
    const place = this.#placeOf(options)
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    try {
      await unlessAborted(before, options.signal)
      return await this.#move(place, sockets, options)
    } finally {
      resolve()
    }
  }

  [Symbol.asyncIterator](): AsyncIterator<Migration> {
    return this.#told[Symbol.asyncIterator]()
  }

  // ── what the connection tells ──

  onMigrated(): void {
    if (this.#told.size >= TOLD_MAX) this.#told.drop()
    this.#told.put({ remote: this.#link.remote, local: this.#link.socket.local })
    if (this.#underway?.number === this.#link.local) this.#underway.done(null)
  }

  onFailed(number: number): void {
    if (this.#underway?.number === number) this.#underway.done(failed('the server does not answer there'))
  }

  /** The session is over. */
  onLost(error: SallyportError): void {
    this.#over = error
    this.#told.close()
    this.#underway?.done(error)
  }

  #placeOf({ local: { host, port = 0 } = {} }: MigrateOptions): Address {
    const now = this.#link.socket.local
    const place = addressOf(host ?? now.ip, checkPort(port, true))
    if (place?.family === now.family) return place
    throw new SallyportError('ARGUMENT_INVALID', `${String(host)} is no IPv${now.family} address to send from`)
  }

  async #move(place: Address, sockets: MoreSockets, { signal }: AbortOptions): Promise<Address> {
    if (this.#over !== null) throw this.#over
    const { number, local } = await sockets.add(place)
    const former = this.#link.local
    try {
      await this.#proven(number, signal)
    } catch (error) {
      // Whoever gave up in the very moment in which it was done is there all the same.
      if (this.#link.local !== number) {
        await sockets.release(place.family, number)
        throw error
      }
    } finally {
      this.#underway = null
    }
    const { clock, schedule } = this.#parts
    schedule.once(clock.now() + FORMER_MS, () => void sockets.release(place.family, former))
    return local
  }

  /** Begins to move as soon as that is possible, and waits for the server's answer. */
  #proven(number: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, schedule } = this.#parts
    const deadline = clock.now() + READY_MS
    const timeout = {
      code: 'MIGRATION_FAILED',
      message: `${addressText(this.#link.remote)} did not let us move`,
    } as const
    return abandonable<void>({ schedule, deadline, timeout, signal }, (resolve, reject) => {
      let again: ReturnType<Schedule['once']> | null = null
      const attempt = (): void => {
        if (this.#over !== null) return reject(this.#over)
        // It is ending: what it ends with is told next.
        if (!this.#link.alive) return
        const begun = this.#link.migrate(number, clock.now())
        if (begun === 'forbidden') reject(failed('the server forbids it'))
        if (begun === 'not-ready') again = schedule.once(clock.now() + TRY_MS, attempt)
      }
      this.#underway = { number, done: (error) => (error === null ? resolve() : reject(error)) }
      attempt()
      return () => {
        if (again !== null) schedule.clear(again)
      }
    })
  }
}

const failed = (why: string): SallyportError =>
  new SallyportError('MIGRATION_FAILED', `the session was not moved: ${why}`)
