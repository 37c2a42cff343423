// find-node: the peers closest to a target, as the asked one knows them. The request is its header alone (target, count); the
// response's payload is one CBOR map of records.
import type { Address } from '../address.ts'
import type { PeerId } from '../ids.ts'
import { ID_BYTES, idBytes, peerIdOf } from '../ids.ts'
import { decodeMap, encodeMap } from './cbor.ts'
import type { RequestHeader } from './requests.ts'
import { ADDRESSES_MAX, PROTOCOL } from './codes.ts'
import { addressBytes, Fields } from './fields.ts'

/** A peer as another peer knows it. */
export interface PeerRecord {
  readonly peerId: PeerId
  /** Where the asked node itself reached it or was reached from; at most 8. */
  readonly addresses: readonly Address[]
  /** Milliseconds since the asked node last identified it or heard from it. */
  readonly ageMs: number
}

/** Records in one response at most, and what a request asks for at most. */
export const RECORDS_MAX = 20

/** Bytes of a response's payload at most: 20 records with 8 addresses each take no more than 23,000. */
export const FIND_NODE_BYTES_MAX = 32_768

const KEY = { records: 0 } as const
const RECORD = { peerId: 0, addresses: 1, ageMs: 2 } as const

/** The header of a find-node request; the target is any 32 bytes: a PeerId or a chunk address. */
export const findNodeRequest = (target: Uint8Array, count = RECORDS_MAX): RequestHeader => ({
  protocol: PROTOCOL.findNode,
  target,
  count,
})

/** What a find-node request asks for, or null when it is malformed (status bad request). */
export const findNodeQuery = (header: RequestHeader): { target: Uint8Array; count: number } | null => {
  const { target, count } = header
  if (target === null || target.length !== ID_BYTES || count === null || count > RECORDS_MAX) return null
  return { target, count }
}

/** The payload of a find-node response. */
export const encodeRecords = (records: readonly PeerRecord[]): Uint8Array =>
  encodeMap(
    new Map([
      [
        KEY.records,
        records.slice(0, RECORDS_MAX).map(
          (record) =>
            new Map<number, Uint8Array | Uint8Array[] | number>([
              [RECORD.peerId, idBytes(record.peerId)],
              [RECORD.addresses, record.addresses.slice(0, ADDRESSES_MAX).map(addressBytes)],
              [RECORD.ageMs, Math.round(record.ageMs)],
            ]),
        ),
      ],
    ]),
  )

/** The records of a payload, or null when it is malformed. They are claims: nothing in them is checked. */
export const decodeRecords = (payload: Uint8Array): readonly PeerRecord[] | null => {
  const map = payload.length > FIND_NODE_BYTES_MAX ? null : decodeMap(payload)
  if (map === null) return null
  const fields = new Fields(map)
  const entries = fields.list(KEY.records, RECORDS_MAX)
  const records = entries.map((entry) => ({
    peerId: peerIdOf(entry.bytes(RECORD.peerId, ID_BYTES)),
    addresses: entry.addresses(RECORD.addresses),
    ageMs: entry.uint(RECORD.ageMs),
  }))
  return fields.failed || entries.some((entry) => entry.failed) ? null : records
}
