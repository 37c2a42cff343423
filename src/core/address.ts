// Where a datagram comes from or goes to.

/** An IP address in canonical text (RFC 5952, no zone; IPv4-mapped IPv6 written as IPv4) and a UDP port. */
export interface Address {
  readonly family: 4 | 6
  readonly ip: string
  readonly port: number
}

/** The text of an address, `192.0.2.1:9000` or `[2001:db8::1]:9000`: a key for maps and a line for logs. */
export const addressText = (address: Address): string =>
  address.family === 4 ? `${address.ip}:${address.port}` : `[${address.ip}]:${address.port}`
