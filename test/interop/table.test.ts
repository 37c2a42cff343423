import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Outcome } from '../../interop/cell.ts'
import { type Column, tables } from '../../interop/table.ts'

const CASES = [
  { name: 'handshake', title: 'handshake', bytes: 1 },
  { name: 'hybrid', title: 'X25519MLKEM768', bytes: 1 },
] as const

const column = (ours: Column['ours'], ...outcomes: Outcome[]): Column => ({
  peer: 'stranger',
  version: '1.2',
  ours,
  outcomes: new Map(CASES.map(({ name }, i) => [name, outcomes[i] ?? { kind: 'pass', ms: 1 }])),
})

describe('the table', () => {
  test('says pass, fail with its reason, and what a peer lacks', () => {
    const text = tables(
      CASES,
      [
        column('client', { kind: 'pass', ms: 1 }, { kind: 'lacks', reason: 'no ML-KEM' }),
        column('server', { kind: 'fail', reason: 'it hung' }),
      ],
      [],
    )
    assert.match(text, /Our client[^]*\| *handshake *\| pass +\|\n\| X25519MLKEM768 \| peer lacks it \|/)
    assert.match(text, /Their client[^]*\| handshake +\| fail +\|/)
    assert.match(text, /What failed\n\n- stranger, our server, handshake: it hung/)
    assert.match(text, /What peers lack\n\n- our client, stranger, X25519MLKEM768: no ML-KEM/)
    assert.doesNotMatch(text, /Not run/)
  })

  test('names who was not run', () => {
    assert.match(tables(CASES, [], [{ name: 'quinn', reason: 'no cargo' }]), /Not run\n\n- quinn: not run, no cargo/)
  })
})
