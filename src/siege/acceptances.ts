// How a target of a siege can accept connections: as a node does that everybody has, or as a control experiment.
import { CONTROLS } from '../lab/controls.ts'

/** All ways by name. */
export const ACCEPTANCE_KINDS = ['own', ...CONTROLS] as const

/** How a target accepts connections. */
export type AcceptanceKind = (typeof ACCEPTANCE_KINDS)[number]
