// The first accept path: a loop takes a finished handshake out of the channel, takes both write locks, registers, and only then takes
// the next. It stalls behind whoever holds a lock, and everybody stalls behind it.
import { SingleFile } from './single-file.ts'
import { standingBefore, type Strategy } from './strategy.ts'

/**
 * The channel's 32 places and the transport's tasks that wait for one are a single line here: nobody leaves it, and nobody passes.
 * Bounded by the connections of the endpoint.
 */
export const inline: Strategy = (own, maps, figures) => {
  const loop = new SingleFile(maps, (ms) => {
    figures.lockWaitMs = Math.max(figures.lockWaitMs, ms)
  })
  return standingBefore(own, (link, now) => loop.put(link, now))
}
