// What a session reveals of its secrets where its configuration says so: lines of the key log that packet analysers read (RFC 9850, the format
// of SSLKEYLOGFILE), and the exporter (RFC 8446 section 7.5). Whoever has the former can read everything that was said.
import { toHex } from '../bytes.ts'
import type { Crypto } from '../ports.ts'
import type { Handshake } from './handshake.ts'
import { deriveSecret, type TrafficSecrets } from './key-schedule.ts'

/** Secrets that a line can name; a key update's are derived from the last two. */
export type KeyLogLabel =
  | 'CLIENT_HANDSHAKE_TRAFFIC_SECRET'
  | 'SERVER_HANDSHAKE_TRAFFIC_SECRET'
  | 'CLIENT_TRAFFIC_SECRET_0'
  | 'SERVER_TRAFFIC_SECRET_0'
  | 'EXPORTER_SECRET'

/** One line, without its end: label, the ClientHello's random value, secret. */
export const keyLogLine = (label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): string =>
  `${label} ${toHex(clientRandom)} ${toHex(secret)}`

/** What is revealed of a session. */
export interface Revealed {
  readonly keyLog?: boolean
  readonly exporter?: boolean
}

/** Reveals the secrets of handshake packets. */
export const revealHandshake = (handshake: Handshake, { keyLog }: Revealed, secrets: TrafficSecrets): void => {
  if (keyLog !== true) return
  handshake.log('CLIENT_HANDSHAKE_TRAFFIC_SECRET', secrets.client)
  handshake.log('SERVER_HANDSHAKE_TRAFFIC_SECRET', secrets.server)
}

/** Reveals the secrets of what follows the server's Finished, up to which the transcript goes now. */
export const revealApplication = (
  handshake: Handshake,
  { crypto, keyLog, exporter }: Revealed & { readonly crypto: Crypto },
  { master, application }: { readonly master: Uint8Array; readonly application: TrafficSecrets },
): void => {
  if (keyLog !== true && exporter !== true) return
  const secret = deriveSecret(crypto, master, 'exp master', handshake.hash())
  if (exporter === true) handshake.output({ kind: 'exporter', secret })
  if (keyLog !== true) return
  handshake.log('CLIENT_TRAFFIC_SECRET_0', application.client)
  handshake.log('SERVER_TRAFFIC_SECRET_0', application.server)
  handshake.log('EXPORTER_SECRET', secret)
}
