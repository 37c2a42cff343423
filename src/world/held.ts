// What a process holds of its world and has to give back before it ends.

/** Counts of one process. */
export class Held {
  timers = 0
  sockets = 0
  files = 0
  locks = 0
  jobs = 0

  /** What is still held, in words; empty when nothing is. */
  left(): string[] {
    const { timers, sockets, files, locks, jobs } = this
    return Object.entries({ timers, sockets, files, locks, jobs })
      .filter(([, count]) => count !== 0)
      .map(([what, count]) => `${count} ${what}`)
  }
}
