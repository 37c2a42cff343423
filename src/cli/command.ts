// What every command is: a function of its values and of the world around it, which resolves to the exit code.
import type { CommandName, ValuesOf } from './options.ts'
import type { Output } from './output.ts'

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** One of the exit codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What a command runs in; `signal` aborts when the process is told to stop, and its reason is the name of the system's signal. */
export interface Surroundings {
  readonly output: Output
  readonly signal: AbortSignal
}

/** A command: throws a SallyportError, or anything that becomes one, when it fails. */
export type Run<Name extends CommandName> = (values: ValuesOf<Name>, surroundings: Surroundings) => Promise<ExitCode>
