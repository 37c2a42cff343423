// HELLO and HELLO_ACK on one connection. Both sides send HELLO in the turn in which the handshake finished, and HELLO_ACK when the
// other's HELLO came; a connection is identified once HELLO and HELLO_ACK were received, in that order.
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
  #finished = false

  get finished(): boolean {
    return this.#finished
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
    if (this.#finished) return { kind: 'violation', reason: 'a second HELLO_ACK' }
    this.#finished = true
    return { kind: 'identified', hello: this.#hello }
  }

  #onHello(hello: Hello): ExchangeStep {
    if (this.#hello !== null) return { kind: 'violation', reason: 'a second HELLO' }
    this.#hello = hello
    return { kind: 'acknowledge' }
  }
}
