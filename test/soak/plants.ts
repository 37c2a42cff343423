// Leaks on purpose, a little at each look, so that a test can show that the soak would catch a real one. Nothing but `--plant` uses them.
import { createSocket } from 'node:dgram'
import type { Wrongs } from './churning-network.ts'

/** What can be planted. */
export const PLANTS = ['heap', 'buffers', 'timers', 'listeners', 'handles', 'gap'] as const
export type Plant = (typeof PLANTS)[number]

const kept: unknown[] = []
const OBJECTS = 10_000
const BUFFER_BYTES = 700_000
const FAR_MS = 86_400_000

/** Leaks of a kind at each look: more than what calls in progress make of noise. */
const AT_EACH_LOOK = 3

/** Leaks; what is given to the run ends with the process alone. */
export const leak = (plant: Plant, run: { readonly signal: AbortSignal; readonly wrongs: Wrongs }): void => {
  for (let n = 0; n < AT_EACH_LOOK; n++) once(plant, run)
}

const once = (plant: Plant, { signal, wrongs }: { readonly signal: AbortSignal; readonly wrongs: Wrongs }): void => {
  switch (plant) {
    case 'heap':
      return void kept.push(Array.from({ length: OBJECTS }, (_, n) => ({ n })))
    case 'buffers':
      return void kept.push(new Uint8Array(BUFFER_BYTES))
    case 'timers':
      return void kept.push(setTimeout(() => {}, FAR_MS))
    case 'listeners':
      return signal.addEventListener('abort', () => kept.length)
    case 'handles':
      return void createSocket('udp4').bind(0, '127.0.0.1')
    case 'gap':
      wrongs.gaps++
  }
}
