// What a request must be before anything is looked up for it; and what the admin server may be asked to be.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Asked, judge } from '../../src/admin/access.ts'
import { formatBind, isLoopback, parseBind } from '../../src/admin/bind.ts'
import { isName, nameIn, Names } from '../../src/admin/names.ts'
import { checkAdmin } from '../../src/admin/options.ts'
import { Token } from '../../src/admin/token.ts'

const TOKEN = 'a-token-of-some-length'
const GOOD: Asked = {
  method: 'GET',
  target: '/metrics',
  hosts: ['127.0.0.1:9464'],
  cameTo: '127.0.0.1',
  authorization: undefined,
  hasBody: false,
}

const statusOf = (change: Partial<Asked>, token: string | null = null, names: string[] = []): number | 'asks' => {
  const judged = judge(
    { ...GOOD, ...change },
    { names: new Names(names), token: token === null ? null : new Token(token) },
  )
  return judged.kind === 'asks' ? 'asks' : judged.answer.status
}

describe('a request', () => {
  test('asks by GET alone', () => {
    assert.equal(statusOf({}), 'asks')
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'get', '']) {
      assert.equal(statusOf({ method }), 405, method)
    }
  })

  test('names a listed host, or the address that it came to', () => {
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1', '[::1]:9464'])
      assert.equal(statusOf({ hosts: [host] }), 'asks')
    for (const host of ['evil.example', 'localhost.evil.example', '192.0.2.1:9464', '127.0.0.2']) {
      assert.equal(statusOf({ hosts: [host] }), 421, host)
    }
    assert.equal(statusOf({ hosts: ['192.0.2.1:9464'], cameTo: '::ffff:192.0.2.1' }), 'asks')
    assert.equal(statusOf({ hosts: ['[2001:db8::1]'], cameTo: '2001:db8::1' }), 'asks')
    assert.equal(statusOf({ hosts: ['node.example:1'] }, null, ['Node.Example']), 'asks')
  })

  test('has one Host header, and a sound one', () => {
    assert.equal(statusOf({ hosts: [] }), 400)
    assert.equal(statusOf({ hosts: ['localhost', 'localhost'] }), 400)
    for (const host of [
      '',
      ':80',
      'a b',
      'user@localhost',
      'localhost/',
      '[localhost]',
      '[127.0.0.1]',
      'x'.repeat(300),
    ]) {
      assert.equal(statusOf({ hosts: [host] }), 400, host)
    }
  })

  test('has a path and a query of plain characters, not too long, and no body', () => {
    assert.equal(statusOf({ target: '/snapshot?page=2' }), 'asks')
    for (const target of [
      '',
      '*',
      'http://localhost/metrics',
      '//%2e%2e',
      '/a%00',
      '/a?b=%41',
      '/\u00e9',
      '/a b',
      '/a#b',
    ]) {
      assert.equal(statusOf({ target }), 400, target)
    }
    assert.equal(statusOf({ target: `/${'a'.repeat(1024)}` }), 414)
    assert.equal(statusOf({ hasBody: true }), 400)
  })

  test('shows the token where one is asked for, but for the two words that supervisors ask', () => {
    const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`
    for (const authorization of [
      `Bearer ${TOKEN}`,
      `bearer  ${TOKEN}`,
      basic(`anybody:${TOKEN}`),
      basic(`:${TOKEN}`),
    ]) {
      assert.equal(statusOf({ authorization }, TOKEN), 'asks', authorization)
    }
    const wrong = [
      undefined,
      '',
      'Bearer',
      TOKEN,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Digest ${TOKEN}`,
      basic(TOKEN),
    ]
    for (const authorization of wrong) assert.equal(statusOf({ authorization }, TOKEN), 401, String(authorization))
    assert.equal(statusOf({ target: '/nothing' }, TOKEN), 401)
    assert.deepEqual([statusOf({ target: '/health' }, TOKEN), statusOf({ target: '/ready' }, TOKEN)], ['asks', 'asks'])
  })

  test('of whatever bytes is judged, and let in only with the token', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('GET', '/metrics', 'localhost', 'Basic '),
    )
    const asked = fc.record({
      method: text,
      target: text,
      hosts: fc.array(text),
      cameTo: text,
      authorization: text,
      hasBody: fc.boolean(),
    })
    fc.assert(
      fc.property(asked, (any) => {
        const judged = judge(any, { names: new Names([]), token: new Token(TOKEN) })
        if (judged.kind === 'asks') assert.ok(['/health', '/ready'].includes(judged.path))
        else assert.ok(judged.answer.status >= 400 && judged.answer.status < 500)
      }),
    )
  })
})

describe('a place to listen at', () => {
  test('is an IP address and a port', () => {
    assert.deepEqual(parseBind('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 })
    assert.deepEqual(parseBind('[::1]:0'), { host: '::1', port: 0 })
    assert.deepEqual(parseBind('localhost:1'), { host: '127.0.0.1', port: 1 })
    for (const text of [
      '',
      '9464',
      ':9464',
      '127.0.0.1',
      '::1:9464',
      '[127.0.0.1]:1',
      '1.2.3:1',
      'host:1',
      '127.0.0.1:65536',
      '0.0.0.0:-1',
    ]) {
      assert.equal(parseBind(text), null, text)
    }
    for (const text of ['127.0.0.1:9464', '[2001:db8::1]:1']) {
      const bind = parseBind(text)
      assert.ok(bind !== null)
      assert.equal(formatBind(bind), text)
    }
  })

  test('is reached from this machine alone, or from elsewhere', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '0:0:0:0:0:0:0:1']) assert.ok(isLoopback(host), host)
    for (const host of ['0.0.0.0', '::', '10.0.0.1', '::ffff:127.0.0.1', '::11', '128.0.0.1'])
      assert.ok(!isLoopback(host), host)
  })
})

describe('names', () => {
  test('are DNS names and addresses without a port', () => {
    for (const name of ['a', 'node-1.example', '127.0.0.1', '::1', 'A9']) assert.ok(isName(name), name)
    for (const name of ['', '-a', 'a-', 'a..b', 'a:1', '[::1]', 'a/b', '*', 'a'.repeat(254)])
      assert.ok(!isName(name), name)
  })

  test('are read from whatever a Host header holds, or not at all', () => {
    const hosts = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.domain(),
      fc.ipV6().map((ip) => `[${ip}]:80`),
    )
    fc.assert(
      fc.property(hosts, (host) => {
        const name = nameIn(host)
        assert.ok(name === null || (isName(name) && host.toLowerCase().includes(name)))
      }),
    )
  })
})

describe('options', () => {
  const listen = '127.0.0.1:0'
  const tls = { cert: 'c', key: 'k' }
  const refused = (options: Parameters<typeof checkAdmin>[0]): void =>
    assert.throws(() => checkAdmin(options), { code: 'ARGUMENT_INVALID' })

  test('that let the server be reached from elsewhere need a certificate and a token, or a word that they do not', () => {
    assert.equal(checkAdmin({ listen }).token, null)
    for (const open of ['0.0.0.0:0', '[::]:0', '192.0.2.1:9464']) {
      refused({ listen: open })
      refused({ listen: open, token: TOKEN })
      refused({ listen: open, tls })
      assert.equal(checkAdmin({ listen: open, token: TOKEN, tls }).token, TOKEN)
      assert.equal(checkAdmin({ listen: open, insecure: true }).tls, null)
    }
  })

  test('are refused where they are none, without a word of the token', () => {
    for (const token of ['', 'short', 'with a space in it, long', 'x'.repeat(257), 'sixteen-letters\u0000'])
      refused({ listen, token })
    try {
      checkAdmin({ listen, token: 'sécret' })
      assert.fail('it was taken')
    } catch (error) {
      assert.doesNotMatch(String(error), /cret/)
    }
    refused({ listen: 'nowhere' })
    refused({ listen, names: ['a:1'] })
    refused({ listen, names: Array.from({ length: 65 }, (_, n) => `n${n}`) })
  })
})
