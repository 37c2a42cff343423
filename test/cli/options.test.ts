// The table of options as a parser: what a command line means, and what is wrong with it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { defaultDataDirectory } from '../../src/cli/data-directory.ts'
import { commandLinePage } from '../../src/cli/pages.ts'
import { parse } from '../../src/cli/parse.ts'
import { formatSize, parseDuration, parseSize } from '../../src/cli/size.ts'
import { silentCounts } from '../../src/siege/silence.ts'

const A = '/ip4/127.0.0.1/udp/9000/quic-v1'
const B = '/ip6/::1/udp/9001/quic-v1'
const LINK = `sallyport:${'0'.repeat(64)}#${'f'.repeat(64)}`

const NO_WINDOW = {
  admin: undefined,
  adminHost: [],
  adminTokenFile: undefined,
  adminTlsCert: undefined,
  adminTlsKey: undefined,
  adminInsecure: false,
}

const NO_ADMIN = { ...NO_WINDOW, logLevel: 'info' }

const parsed = (line: string): ReturnType<typeof parse> => parse(line.split(' ').filter(Boolean), '1.2.3')

const usage = (line: string): string => {
  const outcome = parsed(line)
  assert.equal(outcome.kind, 'usage', line)
  return outcome.kind === 'usage' ? outcome.code : ''
}

describe('a command line', () => {
  test('gives several addresses one after another or one at a time', () => {
    const listen = ['/ip4/127.0.0.1/udp/0/quic-v1', B]
    for (const line of [`start --listen ${listen.join(' ')}`, `start --listen ${listen[0]} --listen ${listen[1]}`]) {
      const values = { ...NO_ADMIN, listen, bootstrap: [], data: undefined }
      assert.deepEqual(parsed(line), { kind: 'run', command: 'start', json: false, values })
    }
  })

  test('has the defaults of the table', () => {
    const unset = [
      'upload',
      'processes',
      'joinRate',
      'for',
      'every',
      'everySize',
      'churn',
      'slow',
      'silent',
      'manifest',
      'report',
    ]
    const values = {
      ...Object.fromEntries(unset.map((key) => [key, undefined])),
      ...NO_WINDOW,
      nodes: 25,
      uploadSize: 20_000_000,
      check: false,
    }
    assert.deepEqual(parsed('testnet --json'), { kind: 'run', command: 'testnet', json: true, values })
    const unsaid = { argument: undefined, prefixes: undefined, probe: undefined, for: undefined, processes: undefined }
    const floodValues = { ...unsaid, clients: 40, silent: [], garbage: 0, replay: 0, acceptance: 'own' }
    assert.deepEqual(parsed('flood'), { kind: 'run', command: 'flood', json: false, values: floodValues })
  })

  test('takes silent clients by kind, one value at a time, and an address behind them', () => {
    const outcome = parsed(`flood --silent 20 --silent mute=5 ${A} --probe 50ms --for 1.5s`)
    assert.ok(outcome.kind === 'run' && outcome.command === 'flood')
    const { argument, silent, probe, for: forMs } = outcome.values
    assert.deepEqual([argument, silent, probe, forMs], [A, ['20', 'mute=5'], 50, 1500])
    assert.deepEqual(silentCounts([...silent, '2', 'deaf=1']), { 'half-open': 22, mute: 5, deaf: 1 })
  })

  test('takes shares, rates and times of a test network', () => {
    const outcome = parsed('testnet --for 30m --every 20s --churn 2%/min --slow 5% --silent 0.5% --join-rate 20')
    assert.ok(outcome.kind === 'run' && outcome.command === 'testnet')
    const { for: forMs, every, churn, slow, silent, joinRate } = outcome.values
    assert.deepEqual([forMs, every, churn, slow, silent, joinRate], [1_800_000, 20_000, 2, 5, 0.5, 20])
  })

  test('takes the manifest of a test network for an address', () => {
    const outcome = parsed('put file --bootstrap @net.json')
    assert.ok(outcome.kind === 'run' && outcome.command === 'put')
    assert.deepEqual(outcome.values.bootstrap, ['@net.json'])
    for (const line of ['put f --bootstrap @', 'start --listen @net.json', 'flood @']) {
      assert.equal(usage(line), 'ADDRESS_INVALID', line)
    }
  })

  test('is refused where shares, rates and times of a test network are wrong', () => {
    const wrong = ['5', '51%', '-1%', '1.234%', '%', '1e1%', '5 %', '5%/min'].map((share) => `--slow ${share}`)
    wrong.push(...['31%', '5', '5%/min'].map((share) => `--silent ${share}`))
    wrong.push(...['2', '2%', '2%/s', '51%/min', '/min', '2%/min/min'].map((rate) => `--for 10s --churn ${rate}`))
    wrong.push(
      '--for 10',
      '--for 999ms',
      '--for 1441m',
      '--for',
      '--for 10s --every 50ms',
      '--for 10s --every-size 2GB',
    )
    wrong.push('--every 20s', '--every-size 1MB', '--churn 2%/min', '--join-rate 0', '--join-rate 1.5', '--manifest')
    for (const words of wrong) assert.equal(usage(`testnet ${words}`), 'ARGUMENT_INVALID', words)
  })

  test('takes a link and where to put the file', () => {
    const values = { argument: LINK, out: 'f', bootstrap: [A], force: true, logLevel: 'silent' }
    assert.deepEqual(parsed(`get ${LINK} --out f --bootstrap ${A} --force`), {
      kind: 'run',
      command: 'get',
      json: false,
      values,
    })
  })

  test('is refused with the code of what is wrong', () => {
    assert.equal(usage(''), 'ARGUMENT_INVALID')
    assert.equal(usage('stop'), 'ARGUMENT_INVALID')
    assert.equal(usage('put'), 'ARGUMENT_INVALID')
    assert.equal(usage('put file'), 'ARGUMENT_INVALID')
    assert.equal(usage(`put file extra --bootstrap ${A}`), 'ARGUMENT_INVALID')
    assert.equal(usage('put file --bootstrap localhost:9000'), 'ADDRESS_INVALID')
    assert.equal(usage('put file --bootstrap /dns4/Localhost/udp/9000/quic-v1'), 'ADDRESS_INVALID')
    assert.equal(parsed('put file --bootstrap /dns4/localhost/udp/9000/quic-v1').kind, 'run')
    assert.equal(usage('start --listen /dns4/localhost/udp/9000/quic-v1'), 'ADDRESS_INVALID')
    assert.equal(usage('flood /dns4/localhost/udp/9000/quic-v1'), 'ADDRESS_INVALID')
    assert.equal(usage('put file --bootstrap /ip4/127.0.0.1/udp/0/quic-v1'), 'ADDRESS_INVALID')
    assert.equal(usage(`get ${LINK.slice(0, -1)} --out f --bootstrap ${A}`), 'LINK_INVALID')
    assert.equal(usage('testnet --nodes 7'), 'ARGUMENT_INVALID')
    assert.equal(usage('testnet --nodes 1001'), 'ARGUMENT_INVALID')
    assert.equal(usage('testnet --nodes 9.5'), 'ARGUMENT_INVALID')
    assert.equal(usage('testnet --upload-size 20MX'), 'ARGUMENT_INVALID')
    assert.equal(usage('testnet --upload f --upload-size 20MB'), 'ARGUMENT_INVALID')
    assert.equal(usage('start --listen'), 'ARGUMENT_INVALID')
    for (const words of [
      '',
      '9464',
      'host:9464',
      '127.0.0.1:99999',
      '127.0.0.1:0 --admin-host a:1',
      '127.0.0.1:0 --admin-host -',
    ]) {
      assert.equal(usage(`start --admin ${words}`), 'ARGUMENT_INVALID', words)
    }
    for (const words of ['--silent loud=3', '--silent mute', '--silent mute=', '--silent -1', '--silent 1 2']) {
      assert.equal(usage(`flood ${words}`), words.endsWith(' 2') ? 'ADDRESS_INVALID' : 'ARGUMENT_INVALID', words)
    }
    for (const words of ['--probe 50', '--probe 1ms', '--for 11m', '--prefixes 0', '--garbage 20001']) {
      assert.equal(usage(`flood ${words}`), 'ARGUMENT_INVALID', words)
    }
    for (const level of ['', 'loud', 'INFO'])
      assert.equal(usage(`start --log-level ${level}`), 'ARGUMENT_INVALID', level)
    assert.equal(usage('id --colour'), 'ARGUMENT_INVALID')
  })

  test('asks for help or the version', () => {
    for (const line of ['--help', 'help', 'put --help', 'help put', '--version']) {
      assert.equal(parsed(line).kind, 'help', line)
    }
  })

  test('is never more than refused, whatever the words', () => {
    const words = fc.array(
      fc.oneof(fc.string(), fc.constantFrom('put', 'get', 'start', '--json', '--out', '--listen', '--nodes', '--')),
    )
    fc.assert(fc.property(words, (line) => ['run', 'help', 'usage'].includes(parse(line, '').kind)))
  })
})

describe('a size', () => {
  test('takes decimal and binary units', () => {
    assert.equal(parseSize('20MB'), 20_000_000)
    assert.equal(parseSize('4MiB'), 4_194_304)
    assert.equal(parseSize('1.5 kB'), 1_500)
    assert.equal(parseSize('0'), 0)
    for (const text of ['', 'MB', '-1', '1e3', '20MBs', '99999999999GB']) assert.equal(parseSize(text), null, text)
  })

  test('is printed in decimal units', () => {
    assert.deepEqual([512, 20_000_000, 1_500, 2_500_000_000].map(formatSize), ['512 B', '20.0 MB', '1.5 kB', '2.50 GB'])
  })
})

test('a duration has a unit', () => {
  assert.deepEqual(['50ms', '1.5s', '2m', '0.25ms'].map(parseDuration), [50, 1500, 120_000, 0])
  for (const text of ['50', 's', '-1s', '1h', '5 s', '1.2345s']) assert.equal(parseDuration(text), null, text)
})

test('more silent clients than sockets are refused', () => {
  assert.throws(() => silentCounts(['6000', 'mute=4001']), { code: 'ARGUMENT_INVALID' })
  assert.throws(() => silentCounts(['loud=1']), { code: 'ARGUMENT_INVALID' })
})

test('the data directory follows XDG_DATA_HOME when that is absolute', () => {
  assert.equal(defaultDataDirectory({ XDG_DATA_HOME: '/data' }), '/data/sallyport')
  assert.match(defaultDataDirectory({ XDG_DATA_HOME: 'data' }), /\/\.local\/share\/sallyport$/)
  assert.match(defaultDataDirectory({}), /\/\.local\/share\/sallyport$/)
})

test('docs/cli.md is what "npm run docs:cli" writes', () => {
  assert.equal(readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8'), commandLinePage())
})
