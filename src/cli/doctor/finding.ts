// What a check finds: how it is, what was seen, and what to do about it.

/** What is checked, in the order in which it is told. */
export const CHECKS = [
  'node',
  'openssl',
  'packet-cipher',
  'ipv4',
  'ipv6',
  'udp-buffers',
  'open-files',
  'clock',
  'timers',
  'data-directory',
  'bootstrap',
] as const
export type Check = (typeof CHECKS)[number]

/** `warn`: a node runs, but less well; `fail`: it cannot run, or not as it is told to. Only what is well needs no advice. */
export type Finding = { readonly check: Check; readonly found: string } & (
  | { readonly status: 'ok'; readonly advice: null }
  | { readonly status: 'warn' | 'fail'; readonly advice: string }
)

export const ok = (check: Check, found: string): Finding => ({ check, status: 'ok', found, advice: null })

export const warn = (check: Check, found: string, advice: string): Finding => ({ check, status: 'warn', found, advice })

export const fail = (check: Check, found: string, advice: string): Finding => ({ check, status: 'fail', found, advice })
