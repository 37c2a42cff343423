// TLS alerts (RFC 8446 section 6, RFC 7301 section 3.2) as this handshake uses them: every one is fatal, and QUIC carries it as
// the connection error 0x0100 + alert (RFC 9001 section 4.8). A decoder or check that objects returns a `Refusal`, never throws.

/** Alert descriptions by name; each value is the code of its registry entry. */
export const ALERT = {
  unexpectedMessage: 10,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  certificateExpired: 45,
  certificateUnknown: 46,
  illegalParameter: 47,
  unknownCa: 48,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  internalError: 80,
  missingExtension: 109,
  unsupportedExtension: 110,
  certificateRequired: 116,
  noApplicationProtocol: 120,
} as const

/** One of the codes of `ALERT`. */
export type AlertCode = (typeof ALERT)[keyof typeof ALERT]

/** What breaks a rule of QUIC for its handshake (RFC 9001) has no alert: the connection ends with PROTOCOL_VIOLATION. */
export const AGAINST_QUIC = 'protocol-violation'

/** Why a handshake ends: the alert for the peer, the reason for our own logs. Also the last output and the last state of a session. */
export interface Refusal {
  readonly kind: 'alert'
  readonly alert: AlertCode | typeof AGAINST_QUIC
  readonly reason: string
}

/** A refusal with this alert. */
export const refuse = (alert: Refusal['alert'], reason: string): Refusal => ({ kind: 'alert', alert, reason })

/** Whether a decoder or check refused instead of giving its value. */
export const refused = (outcome: object): outcome is Refusal => 'kind' in outcome && outcome.kind === 'alert'

/** The refusal of a message or extension whose bytes do not follow its grammar. */
export const malformed = (what: string): Refusal => refuse(ALERT.decodeError, `malformed ${what}`)

/** The refusal of a message without an extension that it must have. */
export const missing = (what: string): Refusal => refuse(ALERT.missingExtension, `${what} is missing`)
