// What became of chunks and files, counted: chunks by what was answered, transfers by how they ended.
import { type Counters, type Given, type Taken } from '../core/counters.ts'
import type { Reply } from '../core/chunks/replies.ts'
import { PUT_OUTCOME } from '../core/messages/chunks.ts'
import { STATUS } from '../core/messages/codes.ts'

/** The counters of a storage. */
export type StorageCounters = Pick<Counters, 'chunksTaken' | 'chunksGiven' | 'uploads' | 'downloads'>

/** Counts a chunk that a peer gave, by our answer. */
export const countTaken = async (counters: StorageCounters, answer: Promise<Reply>): Promise<Reply> => {
  const reply = await answer
  counters.chunksTaken[takenBy(reply)]++
  return reply
}

/** Counts a chunk that a peer asked for, by our answer. */
export const countGiven = async (counters: StorageCounters, answer: Promise<Reply>): Promise<Reply> => {
  const reply = await answer
  counters.chunksGiven[givenBy(reply)]++
  return reply
}

/** Counts a transfer by how it ends. */
export const countEnd = async <T>(ends: StorageCounters['uploads' | 'downloads'], transfer: Promise<T>): Promise<T> => {
  try {
    const result = await transfer
    ends.done++
    return result
  } catch (error) {
    ends.failed++
    throw error
  }
}

const takenBy = ({ status, outcome }: Reply): Taken => {
  if (status === STATUS.ok) return outcome === PUT_OUTCOME.alreadyStored ? 'already' : 'stored'
  return status === STATUS.busy ? 'busy' : 'refused'
}

const givenBy = ({ status }: Reply): Given => {
  if (status === STATUS.ok) return 'found'
  if (status === STATUS.absent) return 'absent'
  return status === STATUS.busy ? 'busy' : 'refused'
}
