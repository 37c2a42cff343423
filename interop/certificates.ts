// The certificates of one run: an authority, and a server named localhost that it vouches for. Made anew each time, good for two days.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificates } from './peer.ts'
import { outputOf } from './process.ts'

const OPENSSL_MS = 20_000
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
const LEAF = `subjectAltName=DNS:localhost,IP:127.0.0.1
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
`

/** Makes them in a directory; null when there is no openssl. */
export const makeCertificates = async (directory: string): Promise<Certificates | null> => {
  const at = (name: string): string => join(directory, name)
  const [authority, authorityKey, request, leaf, key] = ['ca.pem', 'ca.key', 'leaf.csr', 'leaf.pem', 'leaf.key'].map(at)
  if (authority === undefined || authorityKey === undefined) return null
  if (request === undefined || leaf === undefined || key === undefined) return null
  writeFileSync(at('leaf.cnf'), LEAF)
  const usage = ['-addext', 'keyUsage=critical,keyCertSign', '-addext', 'basicConstraints=critical,CA:TRUE']
  const steps = [
    ['req', '-x509', ...NEW_KEY, '-keyout', authorityKey, '-out', authority, '-subj', '/CN=authority', ...usage],
    ['req', ...NEW_KEY.slice(0, -2), '-keyout', key, '-out', request, '-subj', '/CN=localhost'],
    ['x509', '-req', '-in', request, '-CA', authority, '-CAkey', authorityKey, '-CAcreateserial', '-out', leaf].concat([
      '-days',
      '2',
      '-extfile',
      at('leaf.cnf'),
    ]),
  ]
  for (const args of steps) {
    if ((await outputOf({ file: 'openssl', args }, OPENSSL_MS)) === null) return null
  }
  return { chain: leaf, key, authority }
}
