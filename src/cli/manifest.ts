// `@FILE` where a command takes the address of a node: the manifest of a test network, and so its nodes.
import { readManifest } from '../testnet/manifest.ts'
import type { Invocation } from './parse.ts'

/** Whether a word stands for a manifest; no address begins like that. */
export const isManifest = (text: string): boolean => text.startsWith('@') && text.length > 1

/** The invocation with addresses in place of manifests; rejects as `readManifest` does. */
export const withManifest = async (invocation: Invocation): Promise<Invocation> => {
  switch (invocation.command) {
    case 'start':
    case 'put':
    case 'get':
    case 'doctor':
      return throughNodes(invocation)
    case 'flood':
      return { ...invocation, values: { ...invocation.values, argument: await first(invocation.values.argument) } }
    case 'id':
    case 'testnet':
    case 'top':
      return invocation
  }
}

const throughNodes = async <I extends { readonly values: { readonly bootstrap: readonly string[] } }>(
  invocation: I,
): Promise<I> => ({
  ...invocation,
  values: { ...invocation.values, bootstrap: await all(invocation.values.bootstrap) },
})

const all = async (words: readonly string[]): Promise<string[]> => {
  const addresses = await Promise.all(words.map((word) => addressesOf(word)))
  return addresses.flat()
}

const first = async (word: string | undefined): Promise<string | undefined> => {
  if (word === undefined) return undefined
  const [address] = await addressesOf(word)
  return address
}

const addressesOf = async (word: string): Promise<readonly string[]> => {
  if (!isManifest(word)) return [word]
  const { bootstrap } = await readManifest(word.slice(1))
  return bootstrap
}
