// Host names, as this machine resolves them: its hosts file first, then the name servers. It takes a thread of the pool, as files do.
import { lookup } from 'node:dns/promises'
import { SallyportError } from '../core/errors.ts'
import { type Ip, parseIp } from '../core/ip.ts'
import type { Names } from './ports.ts'

/** The system's resolver. */
export const systemNames: Names = Object.freeze({
  resolve: async (host: string): Promise<readonly Ip[]> => {
    const found = await lookup(host, { all: true, verbatim: true }).catch((cause: unknown) => {
      throw new SallyportError('NAME_NOT_FOUND', `the name ${host} has no address`, cause)
    })
    return found.map(({ address }) => parseIp(address)).filter((ip) => ip !== null)
  },
})
