// What a command prints: nothing of it is carried out by a terminal, whatever names of files and words of others are in it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SallyportError } from '../../src/index.ts'
import { Output } from '../../src/cli/output.ts'

test('what a terminal would obey is not printed', () => {
  let written = ''
  const sink = { write: (text: string) => ((written += text), true), on: () => null }
  const output = new Output(false, sink, sink)
  output.line('a \u001B[2J name')
  output.note('left out, as links or devices: \u009B2J, two\nlines')
  output.failure(new SallyportError('FILE_NOT_FOUND', 'there is no file \r\u0007x'))
  assert.doesNotMatch(written, /[^\P{Cc}\n]/u)
  assert.match(
    written,
    /^a \?\[2J name\nleft out, as links or devices: \?2J, two\nlines\nsallyport: there is no file \?\?x\n /,
  )
})
