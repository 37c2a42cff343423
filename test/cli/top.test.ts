// `top`: what it shows of a node, on a screen, in lines and in objects; and what it does where there is none.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { type Admin, openAdmin } from '../../src/admin/admin.ts'
import { parse } from '../../src/cli/parse.ts'
import { lineOf, screenOf } from '../../src/cli/top/view.ts'
import { ask } from '../../src/cli/top/watch.ts'
import { Scene } from '../admin/watched.ts'
import { type Failure, resultOf, run } from './run.ts'

const TOKEN = 'a-token-of-some-length'
const open: Admin[] = []
after(() => Promise.all(open.map((admin) => admin.close())))

const opened = async (options: { token?: string } = {}): Promise<{ url: string; scene: Scene }> => {
  const scene = new Scene()
  const admin = await openAdmin(scene, { listen: '127.0.0.1:0', ...options })
  open.push(admin)
  admin.joined()
  return { url: admin.url, scene }
}

/** A snapshot that has a second behind it. */
const snapshotOf = async (url: string): ReturnType<typeof ask> => {
  for (;;) {
    const snapshot = await ask(url, undefined, new AbortController().signal).catch(() => null)
    if (snapshot !== null && snapshot.last !== null) return snapshot
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('a view', () => {
  test('is a line, and a screen that fits its terminal', async () => {
    const { url, scene } = await opened()
    scene.counters.accepted.inbound = 2
    const snapshot = await snapshotOf(url)
    const line = lineOf(snapshot, 'now')
    assert.match(line, /^now {2}connections 3 {2}accepted \S+\/s {2}identified 0\/s/)
    const screen = screenOf(snapshot, { columns: 80, rows: 24 }).join('\n')
    assert.match(screen, new RegExp(`^sallyport \\S+ {2}${scene.peerId.slice(0, 16)}… `))
    assert.match(screen, /^PEER .*\(3 connections\)$/m)
    assert.match(screen, /^LATELY\n\S+ +closed: idle +0 s ago {2}\/ip4\/192\.0\.2\.9\/udp\/9/m)
    for (const size of [
      { columns: 80, rows: 24 },
      { columns: 20, rows: 3 },
      { columns: 200, rows: 60 },
    ]) {
      const lines = screenOf(snapshot, size)
      assert.ok(lines.length <= size.rows && lines.every(({ length }) => length <= size.columns))
    }
  })

  test('tells first what is wrong', async () => {
    const snapshot = await snapshotOf((await opened()).url)
    const finding = { level: 'stall', metric: 'reading', text: '3 are not reading' } as const
    assert.match(lineOf({ ...snapshot, findings: [finding] }, 'now'), / {2}stall: 3 are not reading \(reading\)/)
    const screen = screenOf({ ...snapshot, findings: [finding] }, { columns: 80, rows: 24 })
    assert.ok(screen.includes('!! 3 are not reading (reading)'))
  })
})

describe('top', () => {
  test('prints a line a second for so long, and with --json an object', async () => {
    const { url, scene } = await opened()
    const plain = await run(['top', url, '--for', '1500ms'])
    assert.equal(plain.code, 0, plain.stderr)
    assert.ok(plain.stdout.trim().split('\n').length >= 2)
    assert.match(plain.stdout, /^20\d\d-\S+Z {2}connections 3/m)
    const json = resultOf<{ peerId: string; connections: object }>(
      await run(['top', url.replace('http://', ''), '--for', '100ms', '--json']),
    )
    assert.deepEqual([json.peerId, json.connections], [scene.peerId, { total: 3 }])
  })

  test('shows the token of the environment, and says where it got no answer', async () => {
    const { url } = await opened({ token: TOKEN })
    assert.equal((await run(['top', url, '--for', '100ms'], { SALLYPORT_ADMIN_TOKEN: TOKEN })).code, 0)
    const without = await run(['top', url, '--for', '100ms', '--json'])
    const { error } = resultOf<Failure>(without)
    assert.deepEqual([without.code, error.code], [1, 'WINDOW_UNREACHABLE'])
    assert.match(error.message, /401, the token is needed/)
    const gone = await openAdmin(new Scene(), { listen: '127.0.0.1:0' })
    await gone.close()
    const nobody = resultOf<Failure>(await run(['top', gone.url, '--json']))
    assert.match(nobody.error.message, /ECONNREFUSED/)
  })

  test('takes an address with a port, or a URL without a path', () => {
    const address = (word: string): unknown => {
      const outcome = parse(['top', word], '')
      return outcome.kind === 'run' && outcome.command === 'top' ? outcome.values.argument : outcome.kind
    }
    assert.equal(address('127.0.0.1:9464'), 'http://127.0.0.1:9464')
    assert.equal(address('[::1]:9464'), 'http://[::1]:9464')
    assert.equal(address('https://node.example'), 'https://node.example')
    for (const word of ['', 'a b', 'ftp://a', 'http://a/b', 'http://u:p@a', '127.0.0.1:99999', '/ip4/1.2.3.4']) {
      assert.equal(address(word), 'usage', word)
    }
  })
})
