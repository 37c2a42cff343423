// How many datagrams the kernel dropped at one of our sockets because its receive buffer was full, from /proc/net/udp and udp6.
// A socket is found by its bound address, which no other has: sockets here are bound exclusively.
import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import type { Address } from '../core/address.ts'

/** The drops since the socket was bound, or null where the system does not say. */
export const readKernelDrops = (local: Address): number | null => {
  try {
    return findDrops(readFileSync(local.family === 4 ? '/proc/net/udp' : '/proc/net/udp6', 'latin1'), local)
  } catch {
    return null
  }
}

/**
 * The last column of the line of `local` in a table of the kernel's, or null when there is no such line. A machine may have thousands of
 * sockets, so only that line is taken apart: the local address is the second column, behind a number with a colon.
 */
export const findDrops = (table: string, local: Address): number | null => {
  const port = local.port.toString(16).toUpperCase().padStart(4, '0')
  const at = table.indexOf(`: ${addressHex(local)}:${port} `)
  if (at < 0) return null
  const end = table.indexOf('\n', at)
  const line = table.slice(at, end < 0 ? table.length : end)
  const drops = Number(line.trim().split(/\s+/).at(-1))
  return Number.isSafeInteger(drops) ? drops : null
}

/** The kernel prints an address as 32-bit words in the machine's own order. */
const addressHex = (local: Address): string => {
  const bytes = local.family === 4 ? local.ip.split('.').map(Number) : ipv6Bytes(local.ip)
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    const word = bytes.slice(at, at + 4)
    if (endianness() === 'LE') word.reverse()
    text += word.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0')).join('')
  }
  return text
}

const ipv6Bytes = (ip: string): number[] => {
  const [head = '', tail] = ip.split('::')
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => 0)
  return [...before, ...(tail === undefined ? [] : zeros), ...after].flatMap((group) => [group >> 8, group & 0xff])
}

const groups = (text: string): number[] =>
  text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
