// Assertions about programmers' mistakes. They stay on in production; a peer's bad bytes never come here.

/** Throws when an invariant of our own does not hold; `what` states the invariant that was broken. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AssertionFailure(what)
}

/** Marks a branch that the types say cannot be reached. */
export const unreachable = (value: never): never => {
  throw new AssertionFailure(`unreachable: ${String(value)}`)
}

/** The error an assertion throws: a defect in this package, never a peer's doing. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}
