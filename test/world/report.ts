// How a run of a simulated network is written down: what it was, how often each fault struck, and what came of it.
import { execFileSync } from 'node:child_process'
import { FAULT_KINDS, type FaultKind } from '../../src/world/faults/fault.ts'
import type { Outcome } from '../../src/world/nodes/network-run.ts'

/** The commit that runs, with a plus when files differ from it. */
export const commit = (): string => {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
  try {
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+')
    )
  } catch {
    return 'unknown'
  }
}

/** Two columns of how often each kind of fault changed something. */
export const strikesText = (strikes: Readonly<Record<FaultKind, number>>): string =>
  FAULT_KINDS.map((kind) => `  ${kind.padEnd(16)}${String(strikes[kind]).padStart(9)}`).join('\n')

/** What came of a run, in a few lines. */
export const outcomeText = ({ calls, datagrams, totals, virtualMs, happenings, hash, finding }: Outcome): string => {
  const { sent, lost, overflowed } = datagrams
  const each = Object.entries(calls).map(([kind, { done, failed }]) => `${kind} ${done} done, ${failed} failed`)
  const { judged, accepted, identified, events } = totals
  return [
    `calls       ${each.join('; ')}`,
    `datagrams   ${sent} sent, ${lost} lost to faults, ${overflowed} to full queues`,
    `nodes       ${judged} datagrams judged, ${accepted} handshakes finished, ${identified} identities told, ${events} events`,
    `time        ${(virtualMs / 1000).toFixed(1)} s, ${happenings} happenings`,
    `trace hash  ${hash}`,
    finding === null
      ? 'nothing was found'
      : `FOUND       ${finding.rule}\n            at ${(finding.at / 1000).toFixed(3)} s, ${finding.who}: ${finding.detail}`,
  ].join('\n')
}
