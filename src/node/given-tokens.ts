// Tokens that servers gave us for our next dial of their address: with one of them a Retry is spared. Each is used once (RFC 9000 section
// 8.1.3), so that nobody on the way can tell by it that two dials are of one node.
import { type Address, addressText } from '../core/address.ts'

/** More addresses than a node dials within a day; each token has some 50 bytes. */
const KEPT_MAX = 1024

/** The last token of each address. Bounded by KEPT_MAX: the oldest goes. */
export class GivenTokens {
  readonly #tokens = new Map<string, Uint8Array>()

  /** A token came on a connection to `remote`. */
  keep(remote: Address, token: Uint8Array): void {
    const key = addressText(remote)
    this.#tokens.delete(key)
    const [oldest] = this.#tokens.keys()
    if (oldest !== undefined && this.#tokens.size >= KEPT_MAX) this.#tokens.delete(oldest)
    this.#tokens.set(key, token)
  }

  /** The token for a dial, which nobody gets again; null when there is none. */
  take(remote: Address): Uint8Array | null {
    const key = addressText(remote)
    const token = this.#tokens.get(key) ?? null
    this.#tokens.delete(key)
    return token
  }
}
