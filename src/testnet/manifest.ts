// What another terminal needs to take part in a test network that runs: a JSON file, read as strictly as anything from outside.
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { SallyportError, parseAddress } from '../index.ts'

/** A manifest of another kind is refused. */
const KIND = 'sallyport-testnet-1'

/** More than this no manifest of 1,000 nodes is long. */
const BYTES_MAX = 1 << 20

/** What the file says. */
export interface Manifest {
  readonly kind: typeof KIND
  /** The process whose end is the end of the network. */
  readonly pid: number
  /** Nodes that stay for as long as the network does. */
  readonly bootstrap: readonly string[]
  /** All nodes; those that are restarted come back to their addresses. */
  readonly nodes: readonly string[]
}

/** Rejects with FILE_EXISTS where there is anything but a manifest: somebody's file or directory is neither replaced nor removed. */
export const assertManifestPlace = async (path: string): Promise<void> => {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw SallyportError.from(error)
  })
  if (found === null || (found.isFile() && (await manifestAt(path)) !== null)) return
  throw new SallyportError('FILE_EXISTS', `${path} is there already, and is no manifest of a test network`)
}

/** Writes the file whole or not at all, in place of another manifest that is there; rejects as `assertManifestPlace` does. */
export const writeManifest = async (path: string, manifest: Omit<Manifest, 'kind'>): Promise<void> => {
  await assertManifestPlace(path)
  const temporary = `${path}.${process.pid}.part`
  try {
    await writeFile(temporary, `${JSON.stringify({ kind: KIND, ...manifest }, null, 2)}\n`, { flag: 'wx' })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw SallyportError.from(error)
  }
}

/** Removes the manifest of the network that a process ran; whatever else is there stays. */
export const removeManifest = async (path: string, pid: number): Promise<void> => {
  const manifest = await manifestAt(path)
  if (manifest?.pid === pid) await rm(path, { force: true })
}

const manifestAt = (path: string): Promise<Manifest | null> => readManifest(path).catch(() => null)

/** Rejects with FILE_NOT_FOUND or IO_FAILED where there is no such file, and with ARGUMENT_INVALID for one that is no manifest. */
export const readManifest = async (path: string): Promise<Manifest> => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw SallyportError.from(error)
  })
  const manifest = text.length > BYTES_MAX ? null : parsed(text)
  if (manifest === null) throw new SallyportError('ARGUMENT_INVALID', `${path} is no manifest of a test network`)
  return manifest
}

const parsed = (text: string): Manifest | null => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { kind, pid, bootstrap, nodes } = value as Partial<Record<keyof Manifest, unknown>>
  if (kind !== KIND || typeof pid !== 'number' || !areAddresses(bootstrap) || !areAddresses(nodes)) return null
  return { kind, pid, bootstrap, nodes }
}

const areAddresses = (value: unknown): value is readonly string[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((each) => typeof each === 'string' && parseAddress(each) !== null)
