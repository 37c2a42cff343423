// The options of the admin server as the command line gives them: files are read here, and the token comes from a file or the environment,
// never from the words of the command, which every user of the machine can read.
import { readFile } from 'node:fs/promises'
import type { AdminOptions } from '../../admin/options.ts'
import type { Tls } from '../../admin/server.ts'
import { SallyportError } from '../../index.ts'
import type { ValuesOf } from '../options.ts'

/** The variable that may hold the token. */
const VARIABLE = 'SALLYPORT_ADMIN_TOKEN'

/** What a command with a window is told about it. */
type AdminValues = Pick<
  ValuesOf<'start'>,
  'admin' | 'adminHost' | 'adminTokenFile' | 'adminTlsCert' | 'adminTlsKey' | 'adminInsecure'
>

/** What a command was told about its admin server; null where there is to be none. Rejects with ARGUMENT_INVALID and what reading a file can fail with. */
export const adminOptions = async (
  values: AdminValues,
  environment: NodeJS.ProcessEnv,
): Promise<AdminOptions | null> => {
  const { admin, adminHost, adminTokenFile, adminTlsCert, adminTlsKey, adminInsecure } = values
  if (admin === undefined) {
    const others = [adminHost[0], adminTokenFile, adminTlsCert, adminTlsKey]
    if (adminInsecure || others.some((value) => value !== undefined)) wrong('options of the admin server need --admin')
    return null
  }
  const token = await tokenOf(adminTokenFile, environment)
  const tls = await tlsOf(adminTlsCert, adminTlsKey)
  return {
    listen: admin,
    names: adminHost,
    insecure: adminInsecure,
    ...(token === undefined ? {} : { token }),
    ...(tls === undefined ? {} : { tls }),
  }
}

/** The token of a file or of the environment. An empty variable is none; an empty file is a mistake, and no reason to ask for nothing. */
export const tokenOf = async (
  file: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> => {
  const given = environment[VARIABLE]
  // What is started from here on does not get it.
  delete environment[VARIABLE]
  if (file !== undefined) return (await readFile(file, 'utf8')).trim()
  return given === '' ? undefined : given
}

const tlsOf = async (cert: string | undefined, key: string | undefined): Promise<Tls | undefined> => {
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) wrong('--admin-tls-cert and --admin-tls-key go together')
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') }
}

const wrong: (message: string) => never = (message) => {
  throw new SallyportError('ARGUMENT_INVALID', message)
}
