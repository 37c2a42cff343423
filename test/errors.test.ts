// Every error code is explained once, in the table, in the documentation and nowhere twice.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { errorsPage } from '../src/cli/pages.ts'
import { REMEDIES, STAGES } from '../src/cli/remedies.ts'
import { ERROR_CODES, SEND_STAGES } from '../src/core/errors.ts'

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')

test('docs/errors.md explains exactly the codes that there are, in their order', () => {
  const explained = [...page.matchAll(/^## (\w+)$/gm)].map((match) => match[1])
  assert.deepEqual(explained, [...ERROR_CODES])
})

test('every code has a meaning and a remedy in whole sentences', () => {
  assert.deepEqual(Object.keys(REMEDIES).sort(), [...ERROR_CODES].sort())
  for (const { meaning, remedy } of Object.values(REMEDIES)) {
    assert.match(meaning, /^[A-Z].*\.$/)
    assert.match(remedy, /^[A-Z].*\.$/)
  }
})

test('docs/errors.md explains exactly the stages of a sending, in their order', () => {
  assert.deepEqual(
    [...page.matchAll(/^\| `([a-z-]+)` \| [A-Z].*\. \|$/gm)].map((match) => match[1]),
    [...SEND_STAGES],
  )
  assert.deepEqual(Object.keys(STAGES), [...SEND_STAGES])
})

test('docs/errors.md is what "npm run docs:cli" writes', () => assert.equal(page, errorsPage()))
