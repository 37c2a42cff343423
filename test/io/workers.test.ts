// Threads and the tests' inline workers under one suite; then what only threads can do wrong.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import type { WorkDone } from '../../src/core/ports.ts'
import { generateIdentity } from '../../src/io/identity.ts'
import { createWorkers } from '../../src/io/workers.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { createInlineWorkers } from '../support/inline-workers.ts'
import { ask, workersCompliance } from '../support/workers-compliance.ts'

const MIB = 1024 * 1024
const identity = await generateIdentity()
const CONTEXT = new Uint8Array(32)

describe('worker threads', () => {
  workersCompliance(async () => ({ workers: createWorkers(), finish: (promise) => promise }))

  it('take a whole buffer over instead of copying it', async () => {
    const workers = createWorkers()
    const plaintext = new Uint8Array(MIB)
    const sealed = await ask(workers, { id: 1, kind: 'seal-chunk', plaintext, context: CONTEXT })
    assert.equal(plaintext.length, 0)
    assert.ok(sealed.kind === 'seal-chunk')
    assert.equal(sealed.stored.buffer.byteLength, MIB + 16)
    await workers.close()
  })

  it('do not make a signature wait for chunks, not even for one', async () => {
    const workers = createWorkers({ sharedThreads: 1 })
    const order: string[] = []
    const note = ({ kind }: WorkDone): void => void order.push(kind)
    const sign = (): Promise<WorkDone> => ask(workers, { id: 1, kind: 'sign', content: Uint8Array.of(1) })
    // Chunks four times as large as any real one, so that the order does not hang on the machine's mood.
    const seal = (size: number): Promise<WorkDone> =>
      ask(workers, { id: 2, kind: 'seal-chunk', plaintext: new Uint8Array(size), context: CONTEXT })
    await Promise.all([sign(), seal(1)])
    await Promise.all([
      seal(16 * MIB).then(note),
      seal(16 * MIB).then(note),
      ...Array.from({ length: 6 }, () => sign().then(note)),
    ])
    assert.deepEqual(order, [...Array<string>(6).fill('sign'), 'seal-chunk', 'seal-chunk'])
    await workers.close()
  })

  it('fail what is more than the queue holds, and do the rest', async () => {
    const workers = createWorkers({ sharedThreads: 1, identityQueueMax: 10, chunkQueueMax: 2 })
    const signs = Array.from({ length: 50 }, (_, id) => ask(workers, { id, kind: 'sign', content: new Uint8Array(1) }))
    const chunks = Array.from({ length: 9 }, (_, id) =>
      ask(workers, { id, kind: 'hash-chunk', stored: new Uint8Array(9) }),
    )
    const count = (results: WorkDone[], kind: string): number => results.filter((result) => result.kind === kind).length
    const [signed, hashed] = [await Promise.all(signs), await Promise.all(chunks)]
    assert.ok(count(signed, 'sign') >= 10 && count(signed, 'failed') >= 30)
    assert.ok(count(hashed, 'hash-chunk') >= 2 && count(hashed, 'failed') >= 4)
    assert.equal(workers.lateness(), 0)
    await workers.close()
  })

  it('do what has all the time there is after everything else', async () => {
    const workers = createWorkers({ sharedThreads: 1 })
    const order: number[] = []
    const jobs = Array.from({ length: 30 }, (_, id) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const done = (): void => {
        order.push(id)
        resolve()
      }
      const work = { id, kind: 'sign', content: new Uint8Array(1) } as const
      // The first few go to the threads at once.
      workers.run({ work, identity, deadline: id === 10 ? Infinity : 1e9 + id, done })
      return promise
    })
    await Promise.all(jobs)
    assert.ok(order.indexOf(10) >= 25, String(order))
    assert.equal(workers.lateness(), 0)
    await workers.close()
  })

  it('take identity work in the order of its deadlines, and leave out what nobody wants any more', async () => {
    const workers = createWorkers({ sharedThreads: 1 })
    const order: string[] = []
    const jobs = Array.from({ length: 60 }, (_, id) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      const done = (result: WorkDone): void => {
        order.push(`${result.kind} ${result.id}`)
        resolve()
      }
      // The first few go to the threads at once; of the others the last asked for is due first.
      const work = { id, kind: 'sign', content: new Uint8Array(1) } as const
      workers.run({ work, identity, deadline: 1e9 - id, wanted: () => id < 10 || id % 2 === 0, done })
      return promise
    })
    await Promise.all(jobs)
    const numbers = order.filter((text) => text.startsWith('sign')).map((text) => Number(text.slice(5)))
    const waited = numbers.filter((id) => id >= 10)
    assert.equal(order.filter((text) => text.startsWith('failed')).length, 25)
    // Threads answer at their own pace: neighbours may change places, and what one has in hand may come last.
    const middle = (ids: number[]): number => ids.toSorted((a, b) => a - b)[4]!
    assert.ok(middle(waited.slice(0, 8)) > middle(waited.slice(-8)), numbers.join(' '))
    assert.equal(workers.lateness(), 0)
    await workers.close()
  })

  it('say how long identity work has waited', async () => {
    const workers = createWorkers({ sharedThreads: 1 })
    const all = Array.from({ length: 100 }, (_, id) => ask(workers, { id, kind: 'sign', content: new Uint8Array(1) }))
    await all[0]
    await new Promise((resolve) => setTimeout(resolve, 5))
    assert.ok(workers.lateness() > 3, String(workers.lateness()))
    await Promise.all(all)
    assert.equal(workers.lateness(), 0)
    await workers.close()
  })

  it('answer `failed` for a thread that dies, and start another, but not for ever', async () => {
    const entry = new URL('dying-worker.ts', import.meta.url)
    const workers = createWorkers({ sharedThreads: 1, entry })
    const sign = (id: number): Promise<WorkDone> => ask(workers, { id, kind: 'sign', content: Uint8Array.of(id) })
    assert.deepEqual(await sign(1), { id: 1, kind: 'failed', reason: 'the worker died' })
    for (let id = 2; id < 30; id++) assert.equal((await sign(id)).kind, 'failed')
    const last = await sign(30)
    assert.deepEqual(last, { id: 30, kind: 'failed', reason: 'no worker could be started' })
    await workers.close()
  })

  it('let a process end that forgot to close them, after its work is done', async () => {
    const program = `
      const { createWorkers } = await import(${JSON.stringify(new URL('../../src/io/workers.ts', import.meta.url))})
      const work = { id: 1, kind: 'hash-chunk', stored: new Uint8Array(5) }
      createWorkers().run({ work, identity: {}, done: ({ kind }) => console.log(kind) })`
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 })
    assert.equal((await run).stdout, 'hash-chunk\n')
  })
})

describe('inline workers', () => {
  workersCompliance(async () => {
    const clock = new FakeClock()
    return { workers: await createInlineWorkers(clock), finish: (promise) => clock.until(promise) }
  })

  it('answer after their delay, and say how late they are', async () => {
    const clock = new FakeClock()
    const workers = await createInlineWorkers(clock, { delayMs: ({ kind }) => (kind === 'sign' ? 30 : 5) })
    const order: string[] = []
    const note = ({ kind }: WorkDone): void => void order.push(`${kind} ${clock.now()}`)
    void ask(workers, { id: 1, kind: 'sign', content: new Uint8Array(1) }, identity).then(note)
    void ask(workers, { id: 2, kind: 'hash-chunk', stored: new Uint8Array(1) }, identity).then(note)
    await clock.advance(20)
    assert.equal(workers.lateness(), 20)
    await clock.advance(20)
    assert.deepEqual(order, ['hash-chunk 5', 'sign 30'])
    assert.deepEqual(workers.asked.sign, 1)
  })
})
