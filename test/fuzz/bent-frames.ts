// Frames that can be read and should not be believed: one of a packet, or a new one, with an integer at its edge or a little beside itself.
// Bytes mutated blindly are mostly refused as unreadable; these come through to what frames do.
import { Writer } from '../../src/core/bytes.ts'
import { type Frame, writeFrame } from '../../src/core/quic/frames.ts'
import { EDGES } from '../support/mutation.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { FRAMES, framesOf } from './quic-codecs.ts'

/** All modulo what is there. */
export type Bend = {
  /** Which frame: of the packet's own, or a sample. */
  readonly frame: number
  readonly isSample: boolean
  /** Which of its integers. */
  readonly field: number
  /** An edge, or how far from what it was. */
  readonly value: number
  readonly isEdge: boolean
  /** How many of them, each with the next value. */
  readonly times: number
}

export const drawBends = (random: SeededRandom): readonly Bend[] =>
  Array.from({ length: 1 + random.below(3) }, () => ({
    frame: random.below(256),
    isSample: random.below(3) > 0,
    field: random.below(8),
    value: random.below(64),
    isEdge: random.below(2) === 0,
    times: random.below(5) === 0 ? 2 + random.below(40) : 1,
  }))

/** Integers that a frame may say anything for. */
const FIELDS = [
  'stream', 'code', 'finalSize', 'offset', 'limit', 'sequence', 'delay', 'threshold', 'delayUs', 'reordering', 'frameType',
] as const // prettier-ignore

/** A plaintext with frames changed or, at its beginning, added; as it was where it cannot be read or there is no room. */
export const bent = (plaintext: Uint8Array, bends: readonly Bend[]): Uint8Array => {
  const read = framesOf(plaintext)
  if (!read.whole) return plaintext
  let { frames } = read
  for (const bend of bends) {
    const own = frames.filter(({ type }) => type !== 'padding')
    const from = bend.isSample || own.length === 0 ? FRAMES : own
    const chosen = from[bend.frame % from.length]!
    const changed = Array.from({ length: bend.times }, (_, i) =>
      changedFrame(chosen, { ...bend, value: bend.value + i }),
    )
    frames = from === FRAMES ? [...changed, ...frames] : frames.flatMap((frame) => (frame === chosen ? changed : frame))
  }
  const writer = new Writer()
  for (const frame of frames) {
    const { at } = writer
    if (frame.type === 'padding') continue
    writeFrame(writer, frame)
    if (writer.at <= plaintext.length) continue
    writer.at = at
    break
  }
  return writer.written()
}

const changedFrame = (frame: Frame, { field, value, isEdge }: Bend): Frame => {
  if (frame.type === 'ack') return changedAck(frame, { value, isEdge })
  if (frame.type === 'stream' && field % 4 === 0) return { ...frame, fin: !frame.fin }
  const present = FIELDS.filter((name) => name in frame && typeof (frame as Record<string, unknown>)[name] === 'number')
  const name = present[field % Math.max(1, present.length)]
  if (name === undefined) return frame
  const before = (frame as unknown as Record<string, number>)[name]!
  const changed = { ...frame, [name]: isEdge ? EDGES[value % EDGES.length]! : Math.max(0, before + value - 16) }
  if (changed.type === 'new-connection-id') {
    const { sequence } = changed
    const retirePriorTo = [sequence, Math.min(1, sequence), 0][field % 3] ?? 0
    return { ...changed, retirePriorTo, id: new Uint8Array(8).fill(sequence & 0xff) }
  }
  return changed
}

/** Acknowledges less, or more than was sent. */
const changedAck = (frame: Frame & { type: 'ack' }, { value, isEdge }: { value: number; isEdge: boolean }): Frame => {
  const last = frame.ranges[0]?.to ?? 0
  const to = isEdge ? (EDGES[value % EDGES.length] ?? 0) : Math.max(0, last + (value % 5) - 3)
  return { ...frame, ranges: [{ from: value % 2 === 0 ? 0 : to, to }] }
}
