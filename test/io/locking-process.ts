// Locks the directory it is given, says how that went, and holds the lock until it is killed: test/io/files.test.ts.
import { SallyportError } from '../../src/core/errors.ts'
import { systemFiles } from '../../src/io/files.ts'

const outcome = await systemFiles.lock(process.argv[2] ?? '').then(
  () => 'locked',
  (error: unknown) => SallyportError.from(error).code,
)
process.send?.(outcome)
if (outcome === 'locked') setInterval(() => {}, 1000)
else process.disconnect?.()
