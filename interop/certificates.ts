// The certificates of one run: for each kind of key an authority, and a server named localhost that it vouches for. Made anew each time,
// good for two days.
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { IDENTITY_FILE } from '../src/io/identity.ts'
import type { Certificates, KeyKind, RawKey, Role } from './peer.ts'
import { outputOf } from './process.ts'

const OPENSSL_MS = 20_000
const DAYS = ['-days', '2']
const LEAF = `subjectAltName=DNS:localhost,IP:127.0.0.1
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
`

/** Keys by their kind, as openssl is told to make them. */
const KEYS: Readonly<Record<KeyKind, readonly string[]>> = {
  p256: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-newkey', 'rsa:2048'],
  ed25519: ['-newkey', 'ed25519'],
}

/** Makes one of each kind in a directory, with raw keys too; null when there is no openssl. */
export const makeCertificates = async (directory: string): Promise<Record<KeyKind, Certificates> | null> => {
  const raw = makeRawKeys(directory)
  const [p256, rsa, ed25519] = [
    await make(directory, 'p256'),
    await make(directory, 'rsa'),
    await make(directory, 'ed25519'),
  ]
  if (p256 === null || rsa === null || ed25519 === null) return null
  return { p256: { ...p256, raw }, rsa: { ...rsa, raw }, ed25519: { ...ed25519, raw } }
}

const makeRawKeys = (directory: string): Certificates['raw'] => {
  const keyOf = (role: Role): RawKey => {
    const { publicKey, privateKey } = generateKeyPairSync('ml-dsa-65')
    const own = join(directory, role)
    mkdirSync(own)
    const [identity, shown] = [join(own, IDENTITY_FILE), join(own, 'public.pem')]
    writeFileSync(identity, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
    writeFileSync(shown, publicKey.export({ format: 'pem', type: 'spki' }))
    return { identity, shown }
  }
  return { client: keyOf('client'), server: keyOf('server') }
}

const make = async (directory: string, kind: KeyKind): Promise<Omit<Certificates, 'raw'> | null> => {
  const at = (name: string): string => join(directory, `${kind}-${name}`)
  const [authority, authorityKey, request, chain, key] = [
    at('ca.pem'),
    at('ca.key'),
    at('csr'),
    at('leaf.pem'),
    at('leaf.key'),
  ]
  writeFileSync(at('leaf.cnf'), LEAF)
  const newKey = [...KEYS[kind], '-nodes']
  const usage = ['-addext', 'keyUsage=critical,keyCertSign', '-addext', 'basicConstraints=critical,CA:TRUE']
  const steps = [
    [
      'req',
      '-x509',
      ...newKey,
      ...DAYS,
      '-keyout',
      authorityKey,
      '-out',
      authority,
      '-subj',
      '/CN=authority',
      ...usage,
    ],
    ['req', ...newKey, '-keyout', key, '-out', request, '-subj', '/CN=localhost'],
    ['x509', '-req', '-in', request, '-CA', authority, '-CAkey', authorityKey, '-CAcreateserial', '-out', chain],
  ]
  steps[2]?.push(...DAYS, '-extfile', at('leaf.cnf'))
  for (const args of steps) {
    if ((await outputOf({ file: 'openssl', args }, OPENSSL_MS)) === null) return null
  }
  return { chain, key, authority }
}
