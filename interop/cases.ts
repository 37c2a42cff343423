// The tests: what each asks of the server and the client, and what has to be seen besides the client's own content.
import type { Weather, Witness } from './forwarder.ts'
import type { Groups, KeyKind, Peer, Role, SuiteChoice, TestName } from './peer.ts'
import type { Run } from './process.ts'

const TRANSFER_BYTES = 10_000_000

/** One test. */
export interface Case {
  readonly name: TestName
  /** As it stands in the table. */
  readonly title: string
  /** What the client is ordered to do; the same when absent. */
  readonly as?: TestName
  readonly bytes: number
  readonly retry?: true
  /** Groups that an end is restricted to. */
  readonly groups?: Partial<Record<Role, Groups>>
  readonly suite?: SuiteChoice
  /** Of what key the server's certificate is; P-256 when absent. */
  readonly key?: KeyKind
  /** What the way between them does. */
  readonly weather?: Weather
  /** What was not seen by the forwarder or the server, or null. */
  objection?(seen: Seen): string | null
}

/** What is known when the client is content. */
export interface Seen {
  readonly witness: Witness
  readonly server: { readonly peer: Peer; readonly run: Run }
  readonly client: { readonly peer: Peer }
}

export const CASES: readonly Case[] = [
  { name: 'handshake', title: 'handshake', bytes: 1000 },
  {
    name: 'retry',
    title: 'Retry',
    bytes: 1000,
    retry: true,
    objection: ({ witness }) => (witness.retries > 0 ? null : 'no Retry passed'),
  },
  { name: 'download', title: '10 MB from the server', bytes: TRANSFER_BYTES },
  { name: 'upload', title: '10 MB from the client', bytes: TRANSFER_BYTES },
  {
    name: 'loss',
    as: 'download',
    title: '2 MB from the server, 3 % of datagrams lost',
    bytes: 2_000_000,
    weather: { loss: 0.03 },
    objection: ({ witness }) => (witness.lost > 0 ? null : 'nothing was lost'),
  },
  {
    name: 'lossup',
    as: 'upload',
    title: '2 MB from the client, 3 % of datagrams lost',
    bytes: 2_000_000,
    weather: { loss: 0.03 },
    objection: ({ witness }) => (witness.lost > 0 ? null : 'nothing was lost'),
  },
  { name: 'streams', title: '100 streams at once', bytes: 10_000 },
  { name: 'datagrams', title: 'datagrams', bytes: 1000 },
  { name: 'keyupdate', title: 'key update', bytes: 2_000_000 },
  {
    name: 'resume',
    title: 'resumption',
    bytes: 1000,
    objection: ({ server }) => notResumed(server.run),
  },
  {
    name: 'close',
    title: 'close with a code',
    bytes: 1000,
    objection: ({ server, client }) => {
      const { closesWith } = client.peer
      return server.peer.heardClose(server.run, closesWith) ? null : `the server heard no close with ${closesWith}`
    },
  },
  {
    name: 'version',
    title: 'version negotiation',
    bytes: 1000,
    objection: ({ witness }) => (witness.versionNegotiations > 0 ? null : 'no Version Negotiation passed'),
  },
  {
    name: 'rebind',
    title: 'rebinding in a transfer',
    bytes: TRANSFER_BYTES,
    weather: { moves: { everyBytes: 2_500_000, max: 2 } },
    objection: ({ witness }) => (witness.bytesAfterMove > TRANSFER_BYTES / 4 ? null : 'little came after the move'),
  },
  {
    name: 'migrate',
    title: 'client moves in a transfer',
    bytes: TRANSFER_BYTES,
    objection: ({ witness }) => (witness.clients > 1 ? null : 'the client did not move'),
  },
  {
    name: 'preferred',
    title: 'preferred address',
    bytes: TRANSFER_BYTES,
    objection: ({ witness }) =>
      witness.bytes < TRANSFER_BYTES / 2 ? null : 'most came from where the client was first',
  },
  {
    name: 'hybrid',
    title: 'X25519MLKEM768',
    bytes: 1000,
    groups: { client: 'hybrid', server: 'hybrid' },
  },
  // Clients offer key shares of other groups.
  { name: 'helloretry', title: 'HelloRetryRequest', bytes: 1000, groups: { server: 'p256' } },
  { name: 'aes256', title: 'AES-256-GCM', bytes: 100_000, suite: 'aes256' },
  { name: 'chacha20', title: 'ChaCha20-Poly1305', bytes: 100_000, suite: 'chacha20' },
  { name: 'rsa', title: 'RSA certificate', bytes: 1000, key: 'rsa' },
  { name: 'ed25519', title: 'Ed25519 certificate', bytes: 1000, key: 'ed25519' },
  // As nodes do it.
  { name: 'rawkeys', title: 'raw ML-DSA-65 keys of both', bytes: 1000, groups: { client: 'hybrid', server: 'hybrid' } },
]

/** A server that says whether sessions were resumed has to say that the last one was. */
const notResumed = ({ facts }: Run): string | null => {
  const told = facts.filter(({ event, resumed }) => event === 'connected' && typeof resumed === 'boolean')
  return told.length === 0 || told.at(-1)?.['resumed'] === true ? null : 'the server resumed nothing'
}
