// How a target of a siege can accept connections: its own way, or with a double of the accept path, for control experiments. A new way is
// a line here; everything that runs a siege takes its name.
import type { TransportOptions } from '../node/transport-parts.ts'
import { SerialAdmission } from './serial-admission.ts'

/** What a way of accepting changes of a transport; null for nothing, which is a node as everybody has it. */
export type AcceptanceChange = Pick<TransportOptions, 'admission'> | null

/** The ways by name. */
export const ACCEPTANCES = {
  own: (): AcceptanceChange => null,
  /** One handshake after another. */
  serial: (): AcceptanceChange => ({ admission: new SerialAdmission() }),
} as const satisfies Record<string, () => AcceptanceChange>

/** How a target accepts connections. */
export type AcceptanceKind = keyof typeof ACCEPTANCES

/** All of them, for the command line. */
export const ACCEPTANCE_KINDS = Object.keys(ACCEPTANCES) as AcceptanceKind[]
