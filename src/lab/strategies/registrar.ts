// The third accept path: the loop puts finished handshakes into a bounded channel and returns at once; one registrar takes them out and
// waits for the locks. When the channel is full the loop can only wait, which was the first mistake, or let go of the connection.
import { SingleFile } from './single-file.ts'
import { standingBefore, type Strategy } from './strategy.ts'

/** The channel's places, as they were. */
export const CHANNEL_MAX = 1024

/** With a channel of `channelMax` places; a smaller one is a smaller model of the same network. */
export const registrar =
  (channelMax = CHANNEL_MAX): Strategy =>
  (own, maps, figures) => {
    const task = new SingleFile(maps)
    return standingBefore(own, (link, now) => {
      if (task.length < channelMax) task.put(link, now)
      else figures.dropped++
    })
  }
