// The chat of the examples as people use it, in two terminals; `npm run examples` runs it alone.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Terminal } from './terminal.ts'

const ROOT = join(import.meta.dirname, '../..')

const terminals: Terminal[] = []
after(() => {
  for (const each of terminals) each.kill()
})

const enter = (...words: string[]): Terminal => {
  const terminal = new Terminal(process.execPath, ['examples/10-chat.ts', ...words], ROOT)
  terminals.push(terminal)
  return terminal
}

test('two people chat, each at a terminal', { timeout: 60_000 }, async () => {
  const alice = enter('alice')
  const [, her = '', address = ''] = await alice.prints(/^You are (\w{8}) at (\S+)$/m)
  const bob = enter('bob', address)
  const [, his = ''] = await bob.prints(/^You are (\w{8}) at /m)
  bob.type('is anybody here?')
  await alice.prints(new RegExp(`^${his} bob: is anybody here\\?$`, 'm'))
  alice.type('\u001b[31mred')
  await bob.prints(new RegExp(`^${her} alice: \\[31mred$`, 'm'))
  assert.equal(await bob.leave(), 0)
  await alice.prints(new RegExp(`^${his} disconnected$`, 'm'))
})
