// What follows from what was seen of a machine. Pure: the facts go in, the findings come out.
import { formatSize } from '../size.ts'
import { type Finding, fail, ok, warn } from './finding.ts'

/** A burst that a node of a busy network has to hold while its event loop is busy for a moment. */
const BUFFER_BYTES_LEAST = 1024 * 1024

/** A node with its store and a thousand peers; test networks have a socket and some files for each node besides. */
const OPEN_FILES_LEAST = 1024

/** Before this was written, no clock that is right shows less. */
const WRITTEN_MS = Date.UTC(2026, 10, 1)

/** Wall and monotonic clock may differ by so much in a second: more, and the clock is being set. */
const DRIFT_MS_MAX = 50

/** Handshakes are let in more slowly from this lateness on (docs/limits.md). */
const LATE_MS_MAX = 50

/** Less, and the disk is full before long. */
const FREE_BYTES_LEAST = 1e9

export const judgeNode = (version: string, platform: string): Finding => ok('node', `Node ${version} on ${platform}`)

/** What this OpenSSL can make, and how long a signature takes, in milliseconds; null where it cannot sign. */
export const judgeOpenssl = ({ version, signMs, encapsulates }: OpensslFacts): Finding => {
  const newer = 'Install a Node built with OpenSSL 3.5 or newer.'
  if (signMs === null) return fail('openssl', `OpenSSL ${version} has no ML-DSA-65`, newer)
  if (!encapsulates) return fail('openssl', `OpenSSL ${version} has no ML-KEM-768`, newer)
  return ok('openssl', `OpenSSL ${version}, ML-DSA-65 (${signMs.toFixed(2)} ms a signature) and ML-KEM-768`)
}

export interface OpensslFacts {
  readonly version: string
  readonly signMs: number | null
  readonly encapsulates: boolean
}

/** By what packets to other machines are sealed. */
export const judgeCipher = ({ isSwift, isForbidden }: CipherFacts): Finding => {
  if (isSwift) return ok('packet-cipher', 'ChaCha20-Poly1305 by sodium-native')
  const found = 'AES-128-GCM by node:crypto, which takes three times as long for each packet'
  if (isForbidden)
    return warn('packet-cipher', found, 'Unset SALLYPORT_SODIUM, which keeps sodium-native from being used.')
  return warn('packet-cipher', found, 'Install the optional package: npm install sodium-native.')
}

export interface CipherFacts {
  readonly isSwift: boolean
  /** By SALLYPORT_SODIUM=off. */
  readonly isForbidden: boolean
}

/** Whether a socket of each family can be bound: null, or why not. */
export const judgeFamilies = (four: string | null, six: string | null): Finding[] => {
  const other = 'Nodes of that family cannot be reached. Give the machine an address of it, or leave it so.'
  const none = 'Let this user bind UDP sockets; in a container, give it a network.'
  const judge = (check: 'ipv4' | 'ipv6', error: string | null, isAlone: boolean): Finding => {
    if (error === null) return ok(check, 'a UDP socket can be bound')
    return isAlone ? fail(check, error, none) : warn(check, error, other)
  }
  return [judge('ipv4', four, six !== null), judge('ipv6', six, four !== null)]
}

/** How much a UDP socket was given of what it asked for, each way; null: no socket could be bound. */
export const judgeBuffers = (facts: BufferFacts | null): Finding => {
  if (facts === null) return warn('udp-buffers', 'not known: no socket could be bound', 'See ipv4 and ipv6.')
  const { received, sent, asked, platform } = facts
  const found = `${formatSize(received)} to receive, ${formatSize(sent)} to send`
  if (Math.min(received, sent) >= asked) return ok('udp-buffers', found)
  const advice = `Allow ${asked} bytes${HOW_TO_BUFFER[platform] ?? ''}; until then bursts of datagrams are lost (kernelDrops in the metrics).`
  if (Math.min(received, sent) < BUFFER_BYTES_LEAST) return warn('udp-buffers', found, advice)
  return ok('udp-buffers', `${found}, of ${formatSize(asked)} asked for`)
}

export interface BufferFacts {
  readonly received: number
  readonly sent: number
  readonly asked: number
  readonly platform: string
}

const HOW_TO_BUFFER: Readonly<Record<string, string>> = {
  linux: ': sysctl -w net.core.rmem_max=4194304 net.core.wmem_max=4194304, and the same in /etc/sysctl.d to keep it',
  darwin: ': sudo sysctl -w kern.ipc.maxsockbuf=8388608',
}

/** How many files the process may have open; null: nobody says. */
export const judgeOpenFiles = (soft: number | 'unlimited' | null): Finding => {
  if (soft === null) return ok('open-files', 'this system does not say')
  if (soft === 'unlimited' || soft >= OPEN_FILES_LEAST) return ok('open-files', `${soft} may be open`)
  const advice = `Allow ${OPEN_FILES_LEAST} at least: ulimit -n ${OPEN_FILES_LEAST}, or LimitNOFILE= of the systemd unit.`
  return warn('open-files', `${soft} may be open`, advice)
}

/** The wall clock: what it shows, in ms since 1970, and how far it and the monotonic one came apart in a moment. */
export const judgeClock = (wallMs: number, driftMs: number): Finding => {
  const keep = 'Let a time service keep the clock (systemd-timesyncd, chrony): tokens and tickets go by it.'
  const shown = new Date(wallMs).toISOString()
  if (wallMs < WRITTEN_MS) return fail('clock', `it shows ${shown}, which is past`, keep)
  if (Math.abs(driftMs) > DRIFT_MS_MAX)
    return warn('clock', `${shown}; it was moved by ${Math.round(driftMs)} ms meanwhile`, keep)
  return ok('clock', shown)
}

/** How late the latest of some timers ran. */
export const judgeTimers = (lateMs: number): Finding => {
  const found = `at most ${lateMs.toFixed(1)} ms late`
  if (lateMs <= LATE_MS_MAX) return ok('timers', found)
  return warn('timers', found, 'The machine has too much to do: a node lets newcomers in more slowly above 50 ms.')
}

/** The data directory, or where it would be made; null: not even that is there. */
export const judgeDisk = (facts: DiskFacts | null): Finding => {
  if (facts === null)
    return fail('data-directory', 'no directory above it is there', 'Choose another directory with --data.')
  const { path, exists, isWritable, freeBytes } = facts
  const found = `${path}${exists ? '' : ', which is not there yet'}, ${formatSize(freeBytes)} free`
  if (!isWritable)
    return fail(
      'data-directory',
      `${path} cannot be written`,
      'Give it to this user, or choose another directory with --data.',
    )
  if (freeBytes >= FREE_BYTES_LEAST) return ok('data-directory', found)
  return warn('data-directory', found, 'Free some space: chunks that others are to find here will be refused.')
}

export interface DiskFacts {
  readonly path: string
  readonly exists: boolean
  readonly isWritable: boolean
  readonly freeBytes: number
}

/** What came of dialling each bootstrap node: the milliseconds until it was identified, or why it was not. */
export const judgeBootstrap = (dials: readonly Dial[]): Finding[] => {
  if (dials.length === 0) return [ok('bootstrap', 'none was named with --bootstrap')]
  const isAnyReached = dials.some(({ ms }) => ms !== null)
  const advice =
    'Check that it runs, that UDP reaches it through firewalls on both sides, and that this is the address it printed at its start.'
  return dials.map(({ address, ms, error }) => {
    if (ms !== null) return ok('bootstrap', `${address} answered in ${Math.round(ms)} ms`)
    const found = `${address}: ${error}`
    return isAnyReached ? warn('bootstrap', found, advice) : fail('bootstrap', found, advice)
  })
}

export interface Dial {
  readonly address: string
  readonly ms: number | null
  readonly error: string
}
