// All codecs as one target: any of them is given a mutated sample, its own or (spliced in) those of its neighbours.
import { drawEdits, mutated } from '../support/mutation.ts'
import type { Codec } from './codec.ts'
import { MESSAGE_CODECS } from './message-codecs.ts'
import { QUIC_CODECS } from './quic-codecs.ts'
import { bytesOf, hexOf, target } from './target.ts'
import { TLS_CODECS } from './tls-codecs.ts'

const CODECS: readonly Codec[] = [...QUIC_CODECS, ...TLS_CODECS, ...MESSAGE_CODECS]

export const codecs = target<{ codec: string; bytes: string }>({
  name: 'codecs',
  runs: 12_000,
  draw: (random) => {
    const { name, samples } = random.pick(CODECS)
    // One in sixteen is left as it is, so that samples that are not valid any more are found out.
    const edits = random.below(16) === 0 ? [] : drawEdits(random)
    return { codec: name, bytes: hexOf(mutated(random.pick(samples), edits, { donors: samples, max: 32_768 })) }
  },
  check: ({ codec, bytes }) => {
    const found = CODECS.find(({ name }) => name === codec)
    if (found === undefined) throw new Error(`there is no codec ${codec}`)
    return `${codec}: ${found.check(bytesOf(bytes))}`
  },
})
