// `doctor`: what it says of a machine that is well, of one that is not, and of nodes that can or cannot be reached.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { CHECKS, type Finding } from '../../src/cli/doctor/finding.ts'
import * as judge from '../../src/cli/doctor/judge.ts'
import { createNode } from '../../src/index.ts'
import { resultOf, run } from './run.ts'

const directory = mkdtempSync(join(tmpdir(), 'sallyport-doctor-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const MIB = 1024 * 1024
const status = ({ status }: Finding): string => status

describe('a finding', () => {
  test('is a failure where a node cannot run', () => {
    const openssl = { version: '3.0.0', signMs: 1, encapsulates: true }
    assert.equal(status(judge.judgeOpenssl(openssl)), 'ok')
    assert.equal(status(judge.judgeOpenssl({ ...openssl, signMs: null })), 'fail')
    assert.equal(status(judge.judgeOpenssl({ ...openssl, encapsulates: false })), 'fail')
    assert.deepEqual(judge.judgeFamilies('EPERM', 'EPERM').map(status), ['fail', 'fail'])
    assert.equal(status(judge.judgeClock(0, 0)), 'fail')
    const disk = { path: '/data', exists: true, isWritable: true, freeBytes: 1e12 }
    assert.equal(status(judge.judgeDisk(disk)), 'ok')
    assert.equal(status(judge.judgeDisk({ ...disk, isWritable: false })), 'fail')
    assert.equal(status(judge.judgeDisk(null)), 'fail')
  })

  test('is a warning where one runs less well, and says what to change', () => {
    assert.deepEqual(judge.judgeFamilies(null, 'EAFNOSUPPORT').map(status), ['ok', 'warn'])
    assert.equal(status(judge.judgeCipher({ isSwift: true, isForbidden: false })), 'ok')
    assert.match(judge.judgeCipher({ isSwift: false, isForbidden: false }).advice ?? '', /npm install sodium-native/)
    assert.match(judge.judgeCipher({ isSwift: false, isForbidden: true }).advice ?? '', /SALLYPORT_SODIUM/)
    const buffers = { received: 4 * MIB, sent: 4 * MIB, asked: 4 * MIB, platform: 'linux' }
    assert.equal(status(judge.judgeBuffers(buffers)), 'ok')
    assert.equal(status(judge.judgeBuffers({ ...buffers, received: 2 * MIB })), 'ok')
    const small = judge.judgeBuffers({ ...buffers, sent: 212_992 })
    assert.deepEqual([small.status, /sysctl -w net.core.rmem_max=4194304/.test(small.advice ?? '')], ['warn', true])
    assert.equal(status(judge.judgeBuffers(null)), 'warn')
    assert.deepEqual(
      [null, 'unlimited' as const, 1024, 256].map((soft) => status(judge.judgeOpenFiles(soft))),
      ['ok', 'ok', 'ok', 'warn'],
    )
    const now = Date.UTC(2027, 0, 1)
    assert.deepEqual(
      [0, -51, 51].map((drift) => status(judge.judgeClock(now, drift))),
      ['ok', 'warn', 'warn'],
    )
    assert.deepEqual(
      [50, 51].map((late) => status(judge.judgeTimers(late))),
      ['ok', 'warn'],
    )
    assert.equal(status(judge.judgeDisk({ path: '/data', exists: false, isWritable: true, freeBytes: 1e6 })), 'warn')
  })

  test('of bootstrap nodes is a failure only where none is reached', () => {
    const there = { address: 'a', ms: 1, error: '' }
    const gone = { address: 'b', ms: null, error: 'gone' }
    assert.deepEqual(judge.judgeBootstrap([]).map(status), ['ok'])
    assert.deepEqual(judge.judgeBootstrap([there, gone]).map(status), ['ok', 'warn'])
    assert.deepEqual(judge.judgeBootstrap([gone, gone]).map(status), ['fail', 'fail'])
  })
})

interface Report {
  readonly ok: boolean
  readonly findings: readonly Finding[]
}

const data = (): string[] => ['--data', join(directory, 'not', 'there')]

describe('doctor', () => {
  test('looks at everything, and reaches a node that is there', async () => {
    await using node = await createNode({ listen: ['/ip4/127.0.0.1/udp/0/quic-v1'] })
    const [address = ''] = node.addresses
    const named = address.replace('/ip4/127.0.0.1/', '/dns4/localhost/')
    const finished = await run(['doctor', '--json', ...data(), '--bootstrap', address, named])
    const { ok, findings } = resultOf<Report>(finished)
    assert.deepEqual(
      findings.map(({ check }) => check),
      [...CHECKS, 'bootstrap'],
    )
    assert.deepEqual([ok, finished.code], [true, 0], finished.stdout)
    assert.match(findings.at(-1)?.found ?? '', /answered in \d+ ms$/)
    for (const { status: how, advice } of findings) assert.equal(advice === null, how === 'ok')
  })

  test('fails where no node can be reached, and says so to people too', async () => {
    // Somebody listens there who never answers.
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const finished = await run([
      'doctor',
      ...data(),
      '--bootstrap',
      `/ip4/127.0.0.1/udp/${socket.address().port}/quic-v1`,
    ])
    socket.close()
    assert.equal(finished.code, 1)
    assert.match(finished.stdout, /^FAIL bootstrap .*\(DIAL_TIMEOUT\)\n +→ Check that it runs/m)
    assert.match(finished.stdout, /^1 failure, \d+ warnings?$/m)
  })
})
