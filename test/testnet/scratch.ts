// A directory of a test's own for test networks of the command line, and what they leave there.
import type { ChildProcess, ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { BIN } from '../cli/run.ts'

/** Removed when the tests of the file are done. */
export const directory = mkdtempSync(join(tmpdir(), 'sallyport-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** The command keeps everything under TMPDIR, which here is a directory of this test alone. */
export const environment = { TMPDIR: directory }

export const leftovers = (): string[] => readdirSync(directory).filter((name) => name.startsWith('sallyport-testnet-'))

/** A test network of the command line that the test ends. */
export const spawnTestnet = (...words: string[]): ChildProcessByStdio<null, Readable, null> =>
  spawn(process.execPath, [BIN, 'testnet', '--nodes', '8', ...words], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...environment },
  })

/** Looks often until it is so; the runner's own limit ends a wait that is in vain. */
export const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await setTimeout(20)
}

/** The two host processes of a test network, once they run. */
export const processesOf = async ({ pid }: ChildProcess): Promise<number[]> => {
  const read = (): string[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
  await until(() => read().length === 2)
  return read().map(Number)
}
