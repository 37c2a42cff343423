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
export { type Cryptography, realCryptography, STAND_IN } from './cryptography.ts'
export { type Disk } from './disk.ts'
export { FAULT_KINDS, type Fault, type FaultKind, faultText } from './faults/fault.ts'
export { Faults } from './faults/faults.ts'
export { type Choice, chosen, parseChoice, type ScheduleOptions, scheduleOf } from './faults/schedule.ts'
export type { Host, HostOptions, Process } from './host.ts'
export { Nat, NAT_KINDS, type NatKind } from './nat.ts'
export type { Network } from './network.ts'
export type { Nic } from './nic.ts'
export { EventWatch } from './nodes/event-watch.ts'
export { type Finding, Findings } from './nodes/findings.ts'
export { type Outcome, type RunOptions, runNetwork } from './nodes/network-run.ts'
export { brokenRule, leftBehind } from './nodes/node-checks.ts'
export { SeededRandom } from './random.ts'
export { type Region, REGIONS } from './regions.ts'
export { shrink, type Shrunk } from './shrink.ts'
export type { ClockSettings } from './time.ts'
export type { Timeline } from './timeline.ts'
export type { TraceSink } from './trace.ts'
export { World, type WorldOptions } from './world.ts'
