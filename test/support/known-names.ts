// A name service that knows the names it is given, and no others.
import { SallyportError } from '../../src/core/errors.ts'
import type { Ip } from '../../src/core/ip.ts'
import type { Names } from '../../src/io/ports.ts'

/** Names from a table; `asked` gets each name that is asked for. */
export const namesOf = (table: Readonly<Record<string, readonly Ip[]>>, asked: string[] = []): Names => ({
  resolve: async (host) => {
    asked.push(host)
    const found = table[host]
    if (found === undefined) throw new SallyportError('NAME_NOT_FOUND', `nobody knows ${host}`)
    return found
  },
})

/** Knows no name at all. */
export const NO_NAMES: Names = namesOf({})
