// `flood`: many clients at once against a node on this machine.
import { flood as run, isClean } from '../../siege/flood.ts'
import type { FloodReport } from '../../siege/flood.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { formatSeconds } from '../size.ts'

/** Runs the flood; fails unless everybody was identified and the server's counters agree. */
export const flood: Run<'flood'> = async ({ argument, clients, silent, acceptance }, { output, signal }) => {
  const report = await run({ address: argument ?? null, clients, silent, acceptance, signal })
  for (const line of linesOf(report)) output.line(line)
  output.object(report)
  return isClean(report) ? EXIT.done : EXIT.failed
}

const linesOf = (report: FloodReport): string[] => {
  const { clients, silent, connected, identified, failed, identityMs, wallMs } = report
  const lines = [
    `${clients} clients, ${silent} silent: ${connected} connected, ${identified} identified in ${formatSeconds(wallMs)}`,
  ]
  if (identityMs !== null) {
    lines.push(`dial to identified: p50 ${identityMs.p50} ms, p99 ${identityMs.p99} ms, max ${identityMs.max} ms`)
  }
  for (const [code, count] of Object.entries(failed)) lines.push(`failed: ${count} with ${code}`)
  if (report.serverAccepted !== undefined) {
    lines.push(
      `the node: accepted ${report.serverAccepted}, registered ${report.serverRegistered}, reading ${report.serverReading}`,
    )
  }
  return lines
}
