// The Finished message (RFC 8446 section 4.4.4): who made it knows the handshake secret and saw the same messages.
import type { Crypto } from '../ports.ts'
import { ALERT, malformed, type Refusal, refuse } from './alerts.ts'
import { finishedData } from './key-schedule.ts'
import { encodeFinished } from './messages.ts'

/** What a Finished is made of: its sender's handshake traffic secret, and the digest of everything before it. */
export interface FinishedInputs {
  readonly secret: Uint8Array
  readonly transcriptHash: Uint8Array
}

/** The Finished message of one end. */
export const finishedMessage = (crypto: Crypto, { secret, transcriptHash }: FinishedInputs): Uint8Array =>
  encodeFinished(finishedData(crypto, secret, transcriptHash))

/** What is wrong with the body of a Finished that `sender` sent, or null. */
export const finishedObjection = (
  crypto: Crypto,
  body: Uint8Array,
  { secret, transcriptHash, sender }: FinishedInputs & { readonly sender: 'client' | 'server' },
): Refusal | null => {
  if (body.length !== transcriptHash.length) return malformed('Finished')
  return crypto.equal(body, finishedData(crypto, secret, transcriptHash))
    ? null
    : refuse(ALERT.decryptError, `the ${sender}'s Finished is not genuine`)
}
