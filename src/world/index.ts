// `sallyport/world`: networks in virtual time, for applications that want to test themselves as Sallyport does. docs/simulation.md explains.
export {
  blocking,
  burstLoss,
  clogging,
  type Condition,
  corruption,
  duplication,
  type Fate,
  loss,
  narrowing,
  type Pairs,
  reordering,
} from './condition.ts'
export { COSTS, type Costs } from './costs.ts'
export { type Cryptography, type Perform, realCryptography, STAND_IN } from './cryptography.ts'
export { type Disk } from './disk.ts'
export { FAULT_KINDS, type Fault, type FaultKind, faultText } from './faults/fault.ts'
export { Faults, type FaultsParts } from './faults/faults.ts'
export { type Choice, chosen, parseChoice, type ScheduleOptions, scheduleOf } from './faults/schedule.ts'
export type { DiskCondition } from './files.ts'
export type { Held } from './held.ts'
export type { Host, HostOptions, Process } from './host.ts'
export { Nat, NAT_KINDS, type NatKind } from './nat.ts'
export type { Network } from './network.ts'
export type { Nic, NicOptions } from './nic.ts'
export { type EventProblem, EventWatch } from './nodes/event-watch.ts'
export { type Finding, Findings } from './nodes/findings.ts'
export { type Outcome, type RunOptions, runNetwork } from './nodes/network-run.ts'
export type { Seen } from './nodes/member.ts'
export { brokenRule, leftBehind } from './nodes/node-checks.ts'
export type { CallCounts, CallKind } from './nodes/workload.ts'
export type { Processor } from './processor.ts'
export { SeededRandom } from './random.ts'
export { type Region, REGIONS } from './regions.ts'
export { shrink, type Shrunk } from './shrink.ts'
export type { ClockSettings, HostClock } from './time.ts'
export type { Happening, Timeline } from './timeline.ts'
export type { Trace, TraceSink } from './trace.ts'
export type { Wire } from './wire.ts'
export { World, type WorldOptions } from './world.ts'
