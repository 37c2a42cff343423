// The command line's life: read the words, run the command, turn what went wrong into a message with its remedy, and end with the
// right code. A first SIGINT or SIGTERM asks the command to stop, a second ends the process at once.
import { SallyportError } from '../index.ts'
import { EXIT } from './command.ts'
import type { ExitCode, Surroundings } from './command.ts'
import { doctor } from './commands/doctor.ts'
import { flood } from './commands/flood.ts'
import { get } from './commands/get.ts'
import { id } from './commands/id.ts'
import { put } from './commands/put.ts'
import { start } from './commands/start.ts'
import { testnet } from './commands/testnet.ts'
import { top } from './commands/top.ts'
import { withManifest } from './manifest.ts'
import { Output } from './output.ts'
import { parse } from './parse.ts'
import type { Invocation } from './parse.ts'
import { version } from './version.ts'

/** Errors that mean the command was called wrongly, whoever noticed. */
const USAGE_ERRORS: ReadonlySet<string> = new Set(['ADDRESS_INVALID', 'ARGUMENT_INVALID', 'LINK_INVALID'])

/** Runs the words of a command line and ends the process with its exit code. */
export const main = async (words: readonly string[]): Promise<void> => {
  const output = new Output(words.includes('--json'), process.stdout, process.stderr)
  const defect = (error: unknown): void => void end(output, fail(output, error))
  process.on('uncaughtException', defect)
  process.on('unhandledRejection', defect)
  await end(output, await run(words, output))
}

const run = async (words: readonly string[], output: Output): Promise<ExitCode> => {
  const parsed = parse(words, version())
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text)
    return EXIT.done
  }
  if (parsed.kind === 'usage') return fail(output, new SallyportError(parsed.code, parsed.message))
  const stop = new AbortController()
  const signalled = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    stop.abort(name)
  }
  process.on('SIGINT', signalled)
  process.on('SIGTERM', signalled)
  try {
    return await dispatch(await withManifest(parsed), { output, signal: stop.signal })
  } catch (error) {
    const code = fail(output, stop.signal.aborted ? new SallyportError('CANCELLED', 'interrupted', error) : error)
    return stop.signal.aborted ? EXIT.interrupted : code
  }
}

const dispatch = (invocation: Invocation, surroundings: Surroundings): Promise<ExitCode> => {
  switch (invocation.command) {
    case 'start':
      return start(invocation.values, surroundings)
    case 'put':
      return put(invocation.values, surroundings)
    case 'get':
      return get(invocation.values, surroundings)
    case 'id':
      return id(invocation.values, surroundings)
    case 'testnet':
      return testnet(invocation.values, surroundings)
    case 'top':
      return top(invocation.values, surroundings)
    case 'doctor':
      return doctor(invocation.values, surroundings)
    case 'flood':
      return flood(invocation.values, surroundings)
  }
}

const fail = (output: Output, thrown: unknown): ExitCode => {
  const error = SallyportError.from(thrown)
  output.failure(error)
  return USAGE_ERRORS.has(error.code) ? EXIT.usage : EXIT.failed
}

/** Ends the process; a result that could not be written is no success, and is told on stderr. */
const end = async (output: Output, code: ExitCode): Promise<void> => {
  const lost = await output.flushed()
  if (lost === null) process.exit(code)
  const failed = fail(output, lost)
  await output.flushed()
  process.exit(code === EXIT.done ? failed : code)
}
