// Supervised tasks under any history: bounded, waited for, and each failure told once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TaskSet } from '../../src/node/task-set.ts'

const TASK = { name: 'phonebook' } as const

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('whatever tasks do, so many run at most, each failure is told once, and being idle means that all have ended', async () => {
  const step = fc.oneof(
    fc.constant({ kind: 'run' as const }),
    fc.record({ kind: fc.constantFrom('end' as const, 'fail' as const), which: fc.nat(9) }),
    fc.constant({ kind: 'throw' as const }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30, size: 'max' }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, max) => {
        const told: unknown[] = []
        const tasks = new TaskSet(max, (_task, error) => told.push(error))
        const running: PromiseWithResolvers<void>[] = []
        let failed = 0
        for (const step of steps) {
          if (step.kind === 'run') {
            const task = Promise.withResolvers<void>()
            const hasRoom = running.length < max
            assert.equal(
              tasks.run(TASK, () => task.promise),
              hasRoom,
            )
            if (hasRoom) running.push(task)
          } else if (step.kind === 'throw') {
            const thrown = tasks.run(TASK, () => {
              throw new Error('at once')
            })
            assert.equal(thrown, running.length < max)
            if (thrown) failed++
          } else if (running.length > 0) {
            const [task] = running.splice(step.which % running.length, 1)
            if (step.kind === 'end') task?.resolve()
            else task?.reject(new Error(`failure ${++failed}`))
          }
          await turn()
          assert.equal(tasks.size, running.length)
          assert.equal(told.length, failed)
        }
        let idle = false
        const waiting = tasks.idle().then(() => (idle = true))
        for (const task of running) {
          await turn()
          assert.equal(idle, false)
          task.resolve()
        }
        await waiting
        assert.equal(tasks.size, 0)
      },
    ),
    { numRuns: 60 },
  )
})
