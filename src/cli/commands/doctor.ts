// `doctor`: what of this machine keeps a node from running well, and what to change.
import { resolve } from 'node:path'
import { systemPorts } from '../../index.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { defaultDataDirectory } from '../data-directory.ts'
import type { Finding } from '../doctor/finding.ts'
import * as judge from '../doctor/judge.ts'
import * as look from '../doctor/look.ts'
import { formatCount } from '../size.ts'

/** Looks at everything, tells it in one list, and fails where anything does. */
export const doctor: Run<'doctor'> = async ({ bootstrap, data }, { output, signal }) => {
  const findings = await examine(bootstrap, { directory: resolve(data ?? defaultDataDirectory()), signal })
  for (const { check, status, found, advice } of findings) {
    output.line(`${MARKS[status]} ${check.padEnd(15)} ${found}`)
    if (advice !== null) output.line(`  ${' '.repeat(17)}→ ${advice}`)
  }
  const failed = findings.filter(({ status }) => status === 'fail').length
  const warned = findings.filter(({ status }) => status === 'warn').length
  output.line(`${formatCount(failed, 'failure')}, ${formatCount(warned, 'warning')}`)
  output.object({ ok: failed === 0, findings })
  return failed === 0 ? EXIT.done : EXIT.failed
}

const MARKS = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const

const examine = async (
  bootstrap: readonly string[],
  { directory, signal }: { directory: string; signal: AbortSignal },
): Promise<Finding[]> => {
  const [four, six] = [await look.lookAtSocket(4), await look.lookAtSocket(6)]
  const buffers = typeof four === 'string' ? six : four
  const time = await look.lookAtTime(signal)
  return [
    judge.judgeNode(process.versions.node, `${process.platform} ${process.arch}`),
    judge.judgeOpenssl(look.lookAtOpenssl()),
    judge.judgeCipher({ isSwift: await isSwift(), isForbidden: process.env['SALLYPORT_SODIUM'] === 'off' }),
    ...judge.judgeFamilies(typeof four === 'string' ? four : null, typeof six === 'string' ? six : null),
    judge.judgeBuffers(typeof buffers === 'string' ? null : buffers),
    judge.judgeOpenFiles(look.lookAtOpenFiles()),
    judge.judgeClock(time.wallMs, time.driftMs),
    judge.judgeTimers(time.lateMs),
    judge.judgeDisk(await look.lookAtDisk(directory)),
    ...judge.judgeBootstrap(await look.lookAtBootstrap(bootstrap, signal)),
  ]
}

/** Whether libsodium seals packets: where it does, its suite is the swiftest. */
const isSwift = async (): Promise<boolean> => {
  await using ports = await systemPorts()
  return ports.crypto.swiftest === CHACHA20_POLY1305
}

/** TLS_CHACHA20_POLY1305_SHA256 (RFC 8446 appendix B.4). */
const CHACHA20_POLY1305 = 0x1303
