// Runs the command line as a person does, in a process of its own, and gives back all it said.
import { execFile } from 'node:child_process'
import { join } from 'node:path'

/** The entry of the command line. */
export const BIN = join(import.meta.dirname, '../../bin/sallyport.js')

/** What a finished process said. */
export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs the words to their end, three minutes at most; `environment` is added to ours. */
export const run = (words: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Finished> =>
  new Promise((resolve) => {
    const options = { timeout: 180_000, env: { ...process.env, ...environment } }
    execFile(process.execPath, [BIN, ...words], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, stdout, stderr })
    })
  })

/** The last line of stdout, which with --json is the result. */
export const resultOf = <Result>({ stdout }: Finished): Result =>
  JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Result

/** What `--json` prints on failure. */
export interface Failure {
  readonly error: { readonly code: string; readonly message: string; readonly remedy: string }
}
