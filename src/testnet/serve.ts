// The child's side of `Child`: answers the parent's requests and ends when the parent lets go or dies. Signals from the keyboard reach
// the whole process group; a child leaves them to its parent, so that the parent decides how everything ends.
import { SallyportError } from '../index.ts'
import type { Reply } from './child.ts'

/** Answers each request with what `answer` resolves to; when the parent is gone, runs `close` and exits. */
export const serve = <Request>(answer: (request: Request) => Promise<unknown>, close: () => Promise<void>): void => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  process.on('message', (message) => {
    const { id, request } = message as { id: number; request: Request }
    answer(request).then(
      (result) => reply({ id, result }),
      (thrown: unknown) => {
        const { code, message: text } = SallyportError.from(thrown)
        reply({ id, error: { code, message: text } })
      },
    )
  })
  process.on('disconnect', () => {
    close().then(
      () => process.exit(0),
      () => process.exit(1),
    )
  })
}

/** A parent that went while it was being answered is no error: `disconnect` follows. */
const reply = (message: Reply): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}
