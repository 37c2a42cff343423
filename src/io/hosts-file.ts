// The hosts file, in which this machine names addresses by itself. It is small and local, and read at once when a name is looked up: a
// thread of the pool, which a hung disk may have taken, is not waited for.
import { readFileSync, statSync } from 'node:fs'
import { type Ip, parseIp } from '../core/ip.ts'

const PATH =
  process.platform === 'win32'
    ? `${process.env['SystemRoot'] ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts`
    : '/etc/hosts'

/** A larger file is somebody's block list, and not read: every name would cost a while. */
const BYTES_MAX = 256 * 1024

/** The addresses a hosts file's text gives a name, in its order; names in it may be of either case. */
export const addressesIn = (text: string, host: string): Ip[] =>
  text.split('\n').flatMap((line) => {
    const [address = '', ...names] = (line.split('#')[0] ?? '').trim().split(/\s+/)
    const ip = names.some((name) => name.toLowerCase() === host) ? parseIp(address) : null
    return ip === null ? [] : [ip]
  })

/** The addresses this machine's hosts file gives a name; none where it has no such file. */
export const hostsAddresses = (host: string): Ip[] => {
  try {
    return statSync(PATH).size > BYTES_MAX ? [] : addressesIn(readFileSync(PATH, 'utf8'), host)
  } catch {
    return []
  }
}
