// `flood`: many clients at once against a node on this machine, and whatever is to attack it meanwhile.
import { SallyportError } from '../../index.ts'
import { NO_ATTACK } from '../../siege/attack.ts'
import { flood as run, shortcomingOf } from '../../siege/flood.ts'
import type { FloodReport, ProbeReport } from '../../siege/flood.ts'
import { silentCounts } from '../../siege/silence.ts'
import { EXIT } from '../command.ts'
import type { Run } from '../command.ts'
import { formatSeconds } from '../size.ts'

/** Runs the flood; fails unless everybody was identified and the server's counters agree. */
export const flood: Run<'flood'> = async (values, { output, signal }) => {
  const { argument, acceptance, clients, silent, garbage, replay, prefixes, processes, probe } = values
  const attack = {
    ...NO_ATTACK,
    crowd: silentCounts(silent),
    garbagePerSecond: garbage,
    replaysPerSecond: replay,
    prefixes: prefixes ?? null,
    processes: processes ?? null,
  }
  const timing = { probeMs: probe ?? null, forMs: values.for ?? null }
  const report = await run({ address: argument ?? null, clients, attack, ...timing, acceptance, signal })
  for (const line of linesOf(report)) output.line(line)
  const shortcoming = shortcomingOf(report)
  if (shortcoming === null) {
    output.object(report)
    return EXIT.done
  }
  output.failure(new SallyportError('FLOOD_FAILED', shortcoming), report)
  return EXIT.failed
}

const linesOf = (report: FloodReport): string[] => {
  const { clients, silent, identified, failed, identityMs, wallMs, probe } = report
  const lines = [`${clients} clients beside ${silent} silent: ${identified} identified in ${formatSeconds(wallMs)}`]
  if (identityMs !== null) {
    lines.push(`dial to identified: p50 ${identityMs.p50} ms, p99 ${identityMs.p99} ms, max ${identityMs.max} ms`)
  }
  for (const [code, count] of Object.entries(failed)) lines.push(`failed: ${count} with ${code}`)
  if (probe !== undefined) lines.push(probeLine('quiet', probe.quiet), probeLine('under attack', probe.loaded))
  return [...lines, ...attackLines(report), ...serverLines(report)]
}

const probeLine = (when: string, { clients, identified, failed, p50, p99 }: ProbeReport): string => {
  const failures = Object.entries(failed).map(([code, count]) => `, ${count} failed with ${code}`)
  return `probe, ${when}: ${identified} of ${clients} identified, p50 ${p50} ms, p99 ${p99} ms${failures.join('')}`
}

const attackLines = ({ attack }: FloodReport): string[] => {
  const { attempts, finished, closed, turnedAway, garbage, replayed } = attack
  if (attempts + garbage + replayed === 0) return []
  return [
    `the attack: ${attempts} handshakes begun, ${turnedAway} not taken up, ${closed} closed, ${finished} finished; ` +
      `${garbage} datagrams of garbage, ${replayed} replayed flights`,
  ]
}

const serverLines = (report: FloodReport): string[] => {
  const { serverAccepted, serverRegistered, serverReading, verdicts } = report
  if (serverAccepted === undefined || verdicts === undefined) return []
  const { judged, slots, retries, refused, dropped, displaced } = verdicts
  const total = (counts: object): number => Object.values(counts).reduce((sum: number, n: number) => sum + n, 0)
  return [
    `the node: accepted ${serverAccepted}, registered ${serverRegistered}, reading ${serverReading}`,
    `its gate: ${judged} judged, ${slots} slots (${displaced} displaced), ${retries} Retries, ` +
      `${total(refused)} refused, ${total(dropped)} dropped`,
  ]
}
