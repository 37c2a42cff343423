// What becomes of a call to dial, at once: a handshake has begun, or none could.
import type { ConnectionHandle } from '../core/ids.ts'

/** Why a dial could not begin. */
export type DialRefusal = 'closing' | 'no-socket' | 'slots-full' | 'connections-full'

/** A dial that began, or why it could not. */
export type Dialled =
  | { readonly kind: 'dialling'; readonly handle: ConnectionHandle }
  | { readonly kind: 'refused'; readonly reason: DialRefusal }

/** A dial that could not begin. */
export const refused = (reason: DialRefusal): Dialled => ({ kind: 'refused', reason })
