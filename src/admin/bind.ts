// Where the admin server listens: an IP address and a port, as `127.0.0.1:9464` or `[::1]:9464`.
import { isIP, isIPv4, isIPv6 } from 'node:net'

/** A place to listen at; port 0 is any free one. */
export interface Bind {
  readonly host: string
  readonly port: number
}

/** Reads a text; null when it is none. `localhost` is 127.0.0.1: no name is looked up. */
export const parseBind = (text: string): Bind | null => {
  const [, bracketed, plain = '', port = ''] =
    /^(?:\[([0-9a-fA-F:.]{2,45})\]|([a-z0-9.]{1,15})):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? (plain === 'localhost' ? '127.0.0.1' : plain)
  const isAddress = bracketed === undefined ? isIPv4(host) : isIPv6(host)
  return isAddress && Number(port) <= 65_535 ? { host, port: Number(port) } : null
}

/** The text of a place. */
export const formatBind = ({ host, port }: Bind): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`

/** Whether nobody but this machine reaches it. An IPv4 address written as IPv6 counts as not. */
export const isLoopback = (host: string): boolean =>
  isIP(host) === 4 ? host.startsWith('127.') : /^(?:0{1,4}:){7}0{0,3}1$|^::1$/.test(host)
