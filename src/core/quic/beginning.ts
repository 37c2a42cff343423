// How a connection begins: what it is made of, which ids its first packets have, and the parts it is composed of.
import type { PeerId } from '../ids.ts'
import type { Crypto, Random, Suite } from '../ports.ts'
import type { GeneralTls, Resumption, TicketBox } from '../tls/session.ts'
import { AckFrequency } from './ack-frequency.ts'
import { Datagrams } from './datagrams.ts'
import { HeldPackets } from './held-packets.ts'
import { KeyPhases } from './key-phases.ts'
import { initialKeys } from './keys.ts'
import { LocalIds } from './local-ids.ts'
import { Lifetime } from './lifetime.ts'
import type { Observer } from './observer.ts'
import type { ConnectionOutput } from './outputs.ts'
import { ownParameters } from './own-parameters.ts'
import { INITIAL_DATAGRAM_BYTES, LOCAL_ID_BYTES } from './packet.ts'
import type { Parts } from './parts.ts'
import type { Place } from './path.ts'
import { Paths } from './paths.ts'
import type { PreferredPlaces } from './preferred-address.ts'
import { Recovery } from './recovery.ts'
import { RemoteIds } from './remote-ids.ts'
import { TRANSPORT_DEFAULTS, type TransportSettings } from './settings.ts'
import { SkippedNumbers } from './skipped-numbers.ts'
import { PacketSpace } from './space.ts'
import { resetToken } from './stateless-reset.ts'
import { Streams } from './streams.ts'
import { TokenExchange } from './token-exchange.ts'
import type { TokenLook } from './tokens.ts'
import { PARAMETER_DEFAULTS, type TransportParameters } from './transport-parameters.ts'

/** What a connection is made of; the same object serves any number of them, a token apart. */
export interface QuicConfig {
  readonly role: 'client' | 'server'
  readonly crypto: Crypto
  readonly random: Random
  /** Our raw ML-DSA-65 public key, 1,952 bytes; null, for the general entry alone: we have none. */
  readonly publicKey: Uint8Array | null
  readonly alpn: readonly string[]
  /** Cipher suites that are offered or accepted, a client's best first; those of nodes when absent. */
  readonly suites?: readonly Suite[]
  /** Client only: the one peer that is wanted, or null. */
  readonly expectedPeer: PeerId | null
  /** Server only: makes and reads session tickets; absent: none is given or taken. */
  readonly tickets?: TicketBox
  /** Client only: an earlier session to come back with, and whether `session` outputs tell of new ones. */
  readonly resume?: Resumption
  readonly keepsSessions?: boolean
  /** Whether secrets are told as `key-log` outputs, and whether `exportKeys` works. */
  readonly keyLog?: boolean
  readonly exporter?: boolean
  /** For the general entry: what nodes never negotiate. */
  readonly general?: GeneralTls
  /** Where the peer is, and by which of the driver's sockets. */
  readonly remote: Place
  /** Sees what the connection does; absent: nobody looks on. */
  readonly observer?: Observer
  readonly transport?: TransportSettings
  /** Client only: a token that a `new-token` output gave for this address, for one dial; the server then need not send a Retry. */
  readonly token?: Uint8Array
  /** Server only: where it would rather be spoken to, which has to be a socket of its driver's; absent: nowhere else. */
  readonly preferred?: PreferredPlaces
  /** Client only: whether it goes where its server would rather be spoken to. Nodes do not. */
  readonly followsPreferred?: boolean
  /** 32 bytes from which the stateless reset tokens of our ids follow; absent: none will be sent. */
  readonly resetSecret?: Uint8Array
}

/** How an acceptor knows that the address of a first Initial is its sender's: by a token, or because nobody else is there. */
export type Validation = (TokenLook & { kind: 'retry' | 'new-token' }) | { readonly kind: 'trusted' }

/** What an acceptor knows of a first Initial. */
export interface FirstInitial {
  readonly sourceId: Uint8Array
  readonly destinationId: Uint8Array
  /** Absent or null: the address is not validated, and three times what came from it may be sent there. */
  readonly validation?: Validation | null
}

/** The ids of a connection's first packets. */
export interface Beginning {
  /** The destination of the client's very first Initial; `first` is that of the one which counts, after a Retry another. */
  readonly original: Uint8Array
  readonly first: Uint8Array
  readonly local: Uint8Array
  readonly remote: Uint8Array
  /** The source id of the Retry that an acceptor sent before; null for none. */
  readonly retryId: Uint8Array | null
  readonly isValidated: boolean
}

/** A dialler's: it makes up an id for the server, too, until that has chosen its own. */
export const diallerBeginning = ({ random }: QuicConfig): Beginning => {
  const id = randomId(random)
  return { original: id, first: id, local: randomId(random), remote: id, retryId: null, isValidated: true }
}

/** An acceptor's. */
export const acceptorBeginning = ({ random }: QuicConfig, initial: FirstInitial): Beginning => {
  const validation = initial.validation ?? null
  const retry = validation?.kind === 'retry' ? validation : null
  const first = initial.destinationId.slice()
  return {
    original: retry?.originalId.slice() ?? first,
    first,
    local: randomId(random),
    remote: initial.sourceId.slice(),
    retryId: retry?.retryId.slice() ?? null,
    isValidated: validation !== null,
  }
}

const randomId = (random: Random): Uint8Array => {
  const id = new Uint8Array(LOCAL_ID_BYTES)
  random.fill(id)
  return id
}

/** The parts of a connection that begins now, with the keys for Initial packets. */
export const makeParts = (
  config: QuicConfig,
  beginning: Beginning,
  emit: (output: ConnectionOutput) => void,
  now: number,
): Parts => {
  const { role, crypto, random } = config
  const settings = config.transport ?? TRANSPORT_DEFAULTS
  const presented = role === 'client' ? (config.token ?? null) : null
  const spaces = {
    initial: new PacketSpace('initial'),
    handshake: new PacketSpace('handshake'),
    application: new PacketSpace('application'),
  }
  const recovery = new Recovery(settings.congestion, INITIAL_DATAGRAM_BYTES, now)
  const ids = new RemoteIds(beginning.remote, settings.connectionIds)
  const { isValidated } = beginning
  const ptoMs = (): number => recovery.threePto(parts.peer.maxAckDelayMs) / 3
  const parts: Parts = {
    role,
    random,
    spaces,
    phases: new KeyPhases(spaces.application, crypto, settings.keyPackets),
    recovery,
    skipped: new SkippedNumbers(random),
    ackFrequency: new AckFrequency(),
    streams: new Streams(role, settings, emit),
    datagrams: new Datagrams(settings.datagrams, emit),
    localIds: new LocalIds(beginning.local, { random, emit, resetToken: (id) => resetTokenOf(config, id) }),
    remoteIds: ids,
    paths: new Paths({ role, recovery, ids, random, emit, ptoMs, mtuMax: settings.mtuMax }, config.remote, isValidated),
    get path() {
      return this.paths.current
    },
    tokens: new TokenExchange({ presented, retryId: beginning.retryId }, emit),
    held: new HeldPackets(),
    lifetime: new Lifetime(settings.idleTimeoutMs, now),
    progress: {
      complete: false,
      confirmed: false,
      doneOwed: false,
      heard: false,
      peerHears: false,
      handshakeAcknowledged: false,
    },
    observer: config.observer ?? null,
    peer: PARAMETER_DEFAULTS,
  }
  parts.observer?.began(beginning.original, config.remote)
  const keys = initialKeys(crypto, beginning.first, role)
  parts.spaces.initial.setKey('read', keys.read)
  parts.spaces.initial.setKey('write', keys.write)
  return parts
}

/** The transport parameters that a connection announces. */
export const announced = (
  config: QuicConfig,
  { original, local, retryId }: Beginning,
  localIds: LocalIds,
): TransportParameters => {
  const settings = config.transport ?? TRANSPORT_DEFAULTS
  if (config.role === 'client') {
    return ownParameters(settings, { local, original: null, retryId: null, resetToken: null, preferred: null })
  }
  const preferred = config.preferred === undefined ? null : { ...config.preferred, ...localIds.reserve() }
  return ownParameters(settings, { local, original, retryId, resetToken: resetTokenOf(config, local), preferred })
}

/** The stateless reset token of an id of ours, or null where we send none. */
const resetTokenOf = ({ crypto, resetSecret }: QuicConfig, id: Uint8Array): Uint8Array | null =>
  resetSecret === undefined ? null : resetToken(crypto, resetSecret, id)
