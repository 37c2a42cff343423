// Key exchange groups (RFC 8446 section 4.2.7, draft-ietf-tls-ecdhe-mlkem): post-quantum ones for nodes, classical ones too for whoever
// else speaks QUIC.
import type { Group } from '../ports.ts'

/** What nodes agree to, best first: X25519MLKEM768, MLKEM768. */
export const NODE_GROUPS: readonly Group[] = [0x11ec, 0x0201]

/** What the general entry agrees to, best first: those, X25519 and secp256r1. A node never offers or accepts the last two. */
export const GENERAL_GROUPS: readonly Group[] = [0x11ec, 0x0201, 0x001d, 0x0017]

/** The general entry's key shares: of the best group, and of the one that nearly everybody has, so that a retry is rare. */
export const GENERAL_SHARES: readonly Group[] = [0x11ec, 0x001d]
