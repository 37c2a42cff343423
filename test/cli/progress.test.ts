// How a transfer is shown: what the numbers are, and where which characters may go.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ProgressMeter, progressLine, progressSentence } from '../../src/cli/progress-meter.ts'
import { Progress, screenOf } from '../../src/cli/progress.ts'
import { formatClock } from '../../src/cli/size.ts'

const meterAt = (bytes: number, of: number | null, ms: number): ReturnType<ProgressMeter['read']> => {
  const meter = new ProgressMeter(0)
  meter.update(bytes, of, ms)
  return meter.read(ms)
}

describe('a meter', () => {
  test('tells the rate of the last seconds and the time left at it', () => {
    const meter = new ProgressMeter(1000)
    assert.deepEqual(meter.read(1000), { bytes: 0, of: null, bytesPerSecond: null, leftMs: null })
    for (let s = 1; s <= 100; s++) meter.update(s * 10_000, 10_000_000, 1000 + s * 1000)
    // Ten times as fast for twenty seconds: what was before does not count any more.
    for (let s = 1; s <= 20; s++) meter.update(1_000_000 + s * 100_000, 10_000_000, 101_000 + s * 1000)
    const { bytesPerSecond, leftMs } = meter.read(121_000)
    assert.ok(bytesPerSecond !== null && leftMs !== null)
    assert.ok(Math.abs(bytesPerSecond - 100_000) < 7000, `${bytesPerSecond}`)
    assert.ok(Math.abs(leftMs - 70_000) < 7000, `${leftMs}`)
  })

  test('gets slower while nothing moves', () => {
    const meter = new ProgressMeter(0)
    meter.update(1000, 2000, 1000)
    assert.equal(meter.read(1000).bytesPerSecond, 1000)
    assert.equal(meter.read(4000).bytesPerSecond, 250)
  })

  test('never says what is no number, whatever it is told', () => {
    const told = fc.record({ ms: fc.nat({ max: 40_000 }), bytes: fc.nat(), of: fc.option(fc.nat()) })
    fc.assert(
      fc.property(fc.array(told, { maxLength: 200 }), (all) => {
        const meter = new ProgressMeter(0)
        let [now, bytes] = [0, 0]
        for (const one of all) meter.update((bytes += one.bytes), one.of, (now += one.ms))
        const reading = meter.read(now)
        for (const value of [reading.bytesPerSecond, reading.leftMs])
          assert.ok(value === null || Number.isFinite(value))
      }),
    )
  })
})

describe('a line', () => {
  const reading = meterAt(12_000_000, 27_000_000, 4000)

  test('has the share, a bar, sizes, rate and time left', () => {
    assert.equal(
      progressLine('uploading', reading, 100),
      'uploading  [#############-----------------]   44%  12.0 MB of 27.0 MB  3.0 MB/s  0:05 left',
    )
    assert.equal(progressSentence('uploading', reading), 'uploading 44%, 12.0 MB of 27.0 MB, 3.0 MB/s, 0:05 left')
  })

  test('leaves out what a narrow terminal has no room for, and is never as wide as one', () => {
    assert.equal(progressLine('uploading', reading, 50), 'uploading   44%  12.0 MB of 27.0 MB  3.0 MB/s')
    assert.equal(progressLine('uploading', reading, 40), 'uploading   44%  12.0 MB of 27.0 MB')
    assert.equal(progressLine('uploading', reading, 20), 'uploading   44%')
    for (let columns = 0; columns < 120; columns++) {
      const line = progressLine('uploading', reading, columns)
      assert.ok(line.length < Math.max(1, columns), `${columns} columns`)
      assert.match(line, /^[ -~]*$/)
    }
  })

  test('of a stream has no share and no time left', () => {
    const stream = meterAt(12_000_000, null, 4000)
    assert.equal(progressLine('uploading', stream, 80), 'uploading  12.0 MB  3.0 MB/s')
    assert.equal(progressSentence('uploading', stream), 'uploading 12.0 MB, 3.0 MB/s')
    assert.equal(progressLine('uploading', meterAt(0, 0, 10), 80), 'uploading  0 B of 0 B')
  })

  test('counts hours and rounds up', () => {
    assert.deepEqual([0, 400, 65_000, 3_725_000, -5].map(formatClock), ['0:00', '0:01', '1:05', '1:02:05', '0:00'])
  })
})

describe('progress', () => {
  const shown = (stream: { isTTY?: boolean; columns?: number }, environment: NodeJS.ProcessEnv = {}) => {
    const state = { now: 0, text: '' }
    const write = (text: string): void => void (state.text += text)
    const progress = new Progress('uploading', screenOf({ ...stream, write }, environment), () => state.now)
    return { state, progress }
  }
  const run = ({ state, progress }: ReturnType<typeof shown>, updates: number): string => {
    for (let i = 1; i <= updates; i++) {
      state.now += 60
      progress.update({ bytes: i * 1000, of: updates * 1000 })
    }
    progress.end()
    return state.text
  }

  test('is one line on a terminal, drawn no more than ten times a second, and gone at the end', () => {
    const text = run(shown({ isTTY: true, columns: 60 }), 100)
    assert.ok(!text.includes('\n'))
    assert.ok(text.endsWith('\r\u001B[K'))
    const draws = text.split('\r').length - 2
    assert.ok(draws > 10 && draws <= 60, `${draws} draws`)
    for (const line of text.split('\r')) assert.ok(line.replace('\u001B[K', '').length < 60)
    // No colour, whatever NO_COLOR says: the only control sequence erases the rest of the line.
    assert.equal(text.replaceAll('\u001B[K', '').includes('\u001B'), false)
  })

  test('is a plain line every ten seconds elsewhere, a dumb terminal included', () => {
    for (const text of [run(shown({}), 500), run(shown({ isTTY: true }, { TERM: 'dumb' }), 500)]) {
      assert.match(text, /^(uploading \d+%, [ -~]+ left\n){2}$/)
    }
    assert.equal(run(shown({}), 20), '')
  })

  test('is nothing without a screen, as with --json', () => {
    const progress = new Progress('uploading', null)
    progress.update({ bytes: 1, of: 2 })
    progress.end()
  })
})
