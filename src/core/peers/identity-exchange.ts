// HELLO and HELLO_ACK on one connection. Both sides send HELLO in the turn in which the handshake finished, and HELLO_ACK when the
// other's HELLO came; a connection is identified once HELLO and HELLO_ACK were received, in that order, and the peer acknowledged something
// of ours. A HELLO_ACK from one that reads nothing acknowledges what it has not heard: it could be written beforehand.
import type { ControlMessage } from '../messages/control.ts'
import type { Hello } from '../messages/hello.ts'

/** What a control message means: for `acknowledge` a HELLO_ACK is due, at `identified` the exchange is over. */
export type ExchangeStep =
  | { readonly kind: 'acknowledge' }
  | { readonly kind: 'identified'; readonly hello: Hello }
  | { readonly kind: 'pass' }
  | { readonly kind: 'violation'; readonly reason: string }

/** The exchange on one connection. */
export class IdentityExchange {
  #hello: Hello | null = null
  #acknowledged = false
  #peerHears = false

  get finished(): boolean {
    return this.#acknowledged && this.#peerHears
  }

  /** Whether the peer's HELLO came: from then on other control messages make sense. */
  get heard(): boolean {
    return this.#hello !== null
  }

  /** The next control message of the peer, in order. */
  receive(message: ControlMessage): ExchangeStep {
    if (message.kind === 'hello') return this.#onHello(message.hello)
    if (this.#hello === null) return { kind: 'violation', reason: 'the first control message is not HELLO' }
    if (message.kind !== 'hello-ack') return { kind: 'pass' }
    if (this.#acknowledged) return { kind: 'violation', reason: 'a second HELLO_ACK' }
    this.#acknowledged = true
    return this.#peerHears ? { kind: 'identified', hello: this.#hello } : { kind: 'pass' }
  }

  /** The peer acknowledged a packet that was sent after the handshake. */
  peerHears(): ExchangeStep {
    if (this.#peerHears) return { kind: 'pass' }
    this.#peerHears = true
    return this.#acknowledged && this.#hello !== null ? { kind: 'identified', hello: this.#hello } : { kind: 'pass' }
  }

  #onHello(hello: Hello): ExchangeStep {
    if (this.#hello !== null) return { kind: 'violation', reason: 'a second HELLO' }
    this.#hello = hello
    return { kind: 'acknowledge' }
  }
}
