// docs/quic.md keeps its word: its server and its client are run as they stand there, and its table of limits is the code's.
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { QUIC_LIMITS } from '../../src/quic/index.ts'

const ROOT = join(import.meta.dirname, '../..')
const page = readFileSync(join(ROOT, 'docs/quic.md'), 'utf8')
const [server = '', client = ''] = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1]!)

const run = (code: string, args: readonly string[]): ChildProcessByStdio<null, Readable, null> =>
  spawn(process.execPath, ['--input-type=module-typescript', '--eval', code, '--', 'snippet', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  })

const lineOf = async (child: ChildProcessByStdio<null, Readable, null>): Promise<string> => {
  let text = ''
  for await (const part of child.stdout) {
    text += String(part)
    if (text.includes('\n')) break
  }
  return text.trim()
}

test('the ten lines of server and the ten lines of client are ten lines, and say hello', async () => {
  for (const code of [server, client]) {
    assert.ok(code.split('\n').filter((line) => line.trim() !== '').length <= 10)
  }
  const serving = run(server.replace('port: 4433', 'port: 0'), [])
  try {
    const [peerId = '', port = ''] = (await lineOf(serving)).split(' ')
    const calling = run(client, [peerId, port])
    const [said, code] = await Promise.all([lineOf(calling), new Promise((resolve) => calling.on('exit', resolve))])
    assert.deepEqual([said, code], ['hello', 0])
  } finally {
    serving.kill()
  }
})

test('each limit stands in the table with its default', () => {
  const rows = new Map(
    [...page.matchAll(/^\| `(\w+)` \| ([\d,]+)( [KM]iB)? \|/gm)].map(([, name, n, unit]) => [name, { n, unit }]),
  )
  for (const [name, value] of Object.entries(QUIC_LIMITS)) {
    const { n = '', unit = '' } = rows.get(name) ?? {}
    const scale = { '': 1, ' KiB': 1024, ' MiB': 1024 * 1024 }[unit]
    assert.equal(Number(n.replaceAll(',', '')) * (scale ?? 0), value, name)
  }
  assert.equal(rows.size, Object.keys(QUIC_LIMITS).length)
})
