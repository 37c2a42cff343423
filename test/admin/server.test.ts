// The admin server over real sockets, in its own thread: what it answers, and what it does with whoever asks wrongly.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, describe, test } from 'node:test'
import { type Admin, openAdmin } from '../../src/admin/admin.ts'
import { CONNECTIONS_MAX } from '../../src/admin/server.ts'
import { certify, keyPemOf, pemOf } from '../support/certificates.ts'
import { ask, raw } from './client.ts'
import { Scene } from './watched.ts'

const TOKEN = 'a-token-of-some-length'
const PATHS = ['/', '/page/style.css', '/metrics', '/health', '/ready', '/snapshot', '/history'] as const

const open: Admin[] = []
after(() => Promise.all(open.map((admin) => admin.close())))

const opened = async (options: Partial<Parameters<typeof openAdmin>[1]> = {}, scene = new Scene()): Promise<Admin> => {
  const admin = await openAdmin(scene, { listen: '127.0.0.1:0', ...options })
  open.push(admin)
  await until(async () => (await ask(`${admin.url}/ready`)).body !== 'the node has not answered yet\n')
  return admin
}

const until = async (holds: () => Promise<boolean>): Promise<void> => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('the admin server', () => {
  test('answers health, readiness, metrics and a snapshot', async () => {
    const scene = new Scene()
    scene.counters.judged = 7
    const window = await opened({}, scene)
    const base = window.url
    assert.deepEqual(await brief(`${base}/health`), [200, 'ok\n'])
    assert.deepEqual(await brief(`${base}/ready`), [503, 'the node is joining its network\n'])
    window.joined()
    await until(async () => (await ask(`${base}/ready`)).status === 200)
    const metrics = await ask(`${base}/metrics`)
    assert.equal(metrics.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    assert.match(metrics.body, /^sallyport_judged_total 7$/m)
    const snapshot = JSON.parse((await ask(`${base}/snapshot`)).body) as Record<string, unknown>
    assert.equal(snapshot['peerId'], scene.peerId)
    assert.deepEqual(Object.keys(snapshot['counters'] as object), Object.keys(scene.counters.snapshot()))
    window.leaving()
    await until(async () => (await ask(`${base}/ready`)).status === 503)
  })

  test('gives connections in pages of 200, and says so of a page that there is not', async () => {
    const scene = new Scene()
    scene.crowd = 401
    const { url } = await opened({}, scene)
    const page = async (n: number): Promise<unknown> => {
      const { body } = await ask(`${url}/snapshot?page=${n}`)
      const { connections } = JSON.parse(body) as {
        connections: { rows: { remote: string }[]; pages: number; total: number }
      }
      return [connections.rows.length, connections.pages, connections.total, connections.rows[0]?.remote]
    }
    await until(async () => (await ask(`${url}/snapshot?page=2`)).status === 200)
    assert.deepEqual(await page(0), [200, 3, 401, '/ip4/192.0.2.1/udp/1/quic-v1'])
    assert.deepEqual(await page(2), [1, 3, 401, '/ip4/192.0.2.1/udp/401/quic-v1'])
    assert.equal((await ask(`${url}/snapshot?page=3`)).status, 404)
  })

  for (const path of PATHS) {
    test(`${path}: refuses other methods, other names, bodies and unknown queries`, async () => {
      const url = `${(await opened()).url}${path}`
      for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD']) {
        const { status, headers } = await ask(url, { method })
        assert.deepEqual([status, headers.allow], [405, 'GET'], method)
      }
      assert.equal((await ask(url, { headers: { Host: 'evil.example' } })).status, 421)
      assert.equal((await ask(url, { headers: { Host: 'evil.example@127.0.0.1' } })).status, 400)
      assert.equal((await ask(url, { headers: { 'Content-Length': '3' }, body: 'abc' })).status, 400)
      assert.equal((await ask(url, { headers: { 'Transfer-Encoding': 'chunked' }, body: 'abc' })).status, 400)
      assert.equal((await ask(`${url}?${'a'.repeat(1100)}`)).status, 414)
      if (path !== '/health' && path !== '/ready') {
        for (const query of ['x=1', 'page=', 'page=-1', 'page=1&page=1', 'page=99999']) {
          assert.equal((await ask(`${url}?${query}`)).status, 400, query)
        }
      }
    })

    test(`${path}: gives its answer to no other page, and keeps it nowhere`, async () => {
      const { headers } = await ask(`${(await opened()).url}${path}`, { headers: { Origin: 'https://evil.example' } })
      assert.deepEqual(
        Object.keys(headers).filter((name) => name.startsWith('access-control')),
        [],
      )
      assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self';/)
      const fixed = ['cache-control', 'x-content-type-options', 'cross-origin-resource-policy', 'x-frame-options']
      assert.deepEqual(
        fixed.map((name) => headers[name]),
        ['no-store', 'nosniff', 'same-origin', 'DENY'],
      )
    })
  }

  test('knows no other path, however it is written', async () => {
    const { url } = await opened()
    for (const path of [
      '/nothing',
      '/metrics/',
      '/../etc/passwd',
      '/Metrics',
      '/page/',
      '/page/tsconfig.json',
      '/page/../worker.ts',
    ]) {
      assert.match(
        await raw(url, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
        /^HTTP\/1.1 404 /,
        path,
      )
    }
  })

  test('asks for its token, and has it in no answer', async () => {
    const { url } = await opened({ token: TOKEN })
    for (const path of ['/', '/page/main.ts', '/metrics', '/snapshot', '/nothing']) {
      const { status, headers } = await ask(url + path, { headers: { Authorization: 'Bearer wrong-token-of-length' } })
      assert.deepEqual([status, headers['www-authenticate']], [401, 'Basic realm="sallyport", charset="UTF-8"'])
    }
    const headers = { Authorization: `Bearer ${TOKEN}` }
    for (const path of PATHS) {
      const heard = await ask(url + path, { headers })
      assert.notEqual(heard.status, 401)
      assert.doesNotMatch(JSON.stringify(heard), new RegExp(TOKEN))
    }
    assert.equal((await ask(`${url}/health`)).status, 200)
  })

  test('speaks TLS with the certificate it was given', async () => {
    const certified = certify({ name: 'localhost', hosts: ['localhost', '127.0.0.1'], authority: { pathLength: null } })
    const tls = { cert: pemOf(certified), key: keyPemOf(certified) }
    const admin = await openAdmin(new Scene(), { listen: '127.0.0.1:0', tls })
    open.push(admin)
    assert.match(admin.url, /^https:/)
    const { status } = await ask(`${admin.url}/health`, { ca: tls.cert, headers: { Host: 'localhost' } })
    assert.equal(status, 200)
    await assert.rejects(openAdmin(new Scene(), { listen: '127.0.0.1:0', tls: { cert: 'no', key: 'no' } }), {
      code: 'ARGUMENT_INVALID',
    })
  })

  test('is started again when its thread dies, and left so, out loud, when that does not help', async () => {
    const scene = new Scene()
    const { promise, resolve } = Promise.withResolvers<string>()
    const admin = await openAdmin(
      scene,
      { listen: '127.0.0.1:0' },
      { lost: resolve, entry: new URL('dying-worker.ts', import.meta.url) },
    )
    open.push(admin)
    assert.match(await promise, /^the admin server at http:\/\/127\.0\.0\.1:1 ended 5 times in a minute/)
    assert.equal(scene.readings, 5)
  })

  test('says where it could not listen', async () => {
    const { url } = await opened()
    await assert.rejects(openAdmin(new Scene(), { listen: url.replace('http://', '') }), { code: 'BIND_FAILED' })
    await assert.rejects(openAdmin(new Scene(), { listen: 'nowhere' }), { code: 'ARGUMENT_INVALID' })
  })
})

describe('whoever asks wrongly', () => {
  const answered = async (url: string, bytes: string, expected: RegExp): Promise<void> => {
    assert.match(await raw(url, bytes), expected)
    assert.equal((await ask(`${url}/health`)).status, 200)
  }

  test('gets an error and the end of its connection: no HTTP, no Host, two of them, headers without end', async () => {
    const { url } = await opened()
    await answered(url, 'garbage\r\n\r\n', /^HTTP\/1.1 400 /)
    await answered(url, '\u0016\u0003\u0001\u0002\u0000', /^HTTP\/1.1 400 /)
    await answered(url, 'GET /health HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400 /)
    const two = 'GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    await answered(url, two, /^HTTP\/1.1 400 /)
    const long = `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9000)}\r\n\r\n`
    await answered(url, long, /^HTTP\/1.1 431 /)
  })

  test('and never comes to an end of asking is ended, by the server, in bounded time', async () => {
    const { url } = await opened()
    await answered(url, 'GET /health HTTP/1.1\r\nHost: local', /^HTTP\/1.1 408 |^$/)
  })

  test('or too often is made to wait, and is turned away where that does not help; supervisors are not', async () => {
    const { url } = await opened()
    const statuses: number[] = []
    const wave = async (): Promise<void> => {
      statuses.push((await ask(`${url}/metrics`).catch(() => ({ status: 0 }))).status)
    }
    for (let waves = 0; waves < 3; waves++) await Promise.all(Array.from({ length: 60 }, wave))
    assert.ok(statuses.includes(429))
    assert.equal((await ask(`${url}/health`)).status, 200)
  })

  test('is one of so many, and the others are turned away while they last', async () => {
    const { url } = await opened()
    const { hostname, port } = new URL(url)
    const held = await Promise.all(
      Array.from({ length: CONNECTIONS_MAX }, async () => {
        const socket = connect(Number(port), hostname)
        socket.on('error', () => {})
        await once(socket, 'connect')
        return socket
      }),
    )
    await until(async () => {
      const heard = await ask(`${url}/health`).catch(() => null)
      return heard === null
    })
    for (const socket of held) socket.destroy()
    await until(async () => (await ask(`${url}/health`).catch(() => null))?.status === 200)
  })
})

const brief = async (url: string): Promise<unknown> => {
  const { status, body } = await ask(url)
  return [status, body]
}
