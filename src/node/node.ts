// A node, composed: the transport, the phonebook that finds peers over it, the storage that keeps chunks at them. Nothing is decided
// here; the parts are introduced to each other, begun in order and ended in reverse.
import { type Address, formatAddress } from '../core/address.ts'
import type { DownloadResult } from '../core/chunks/download.ts'
import type { ReplicationStatus } from '../core/chunks/replication.ts'
import type { UploadResult } from '../core/chunks/upload-outputs.ts'
import { Counters, type CounterSnapshot } from '../core/counters.ts'
import { SallyportError } from '../core/errors.ts'
import type { ChunkAddress, PeerId } from '../core/ids.ts'
import { diversityOf } from '../core/kademlia/diversity.ts'
import { PROTOCOL, STATUS } from '../core/messages/codes.ts'
import { ensureIdentity, generateIdentity } from '../io/identity.ts'
import type { Identity, Names, Ports } from '../io/ports.ts'
import { systemPorts } from '../io/system.ts'
import { resolveBootstrap } from './bootstrap.ts'
import { ChunkStore } from './chunk-store.ts'
import { Endings } from './endings.ts'
import { Holding } from './holding.ts'
import { Journal } from './journal.ts'
import type { Metrics } from './metrics.ts'
import { checkOptions, type CheckedOptions, type NodeOptions } from './node-options.ts'
import { unlessEnded } from './patiently.ts'
import { Phonebook } from './phonebook.ts'
import { Storage } from './storage.ts'
import type { GetOptions } from './transfer-download.ts'
import type { PutOptions, PutSource } from './transfer-upload.ts'
import { TransportHandle } from './transport-handle.ts'

/** The directory of the chunks in a data directory. */
const CHUNKS = 'chunks'

/** A node: listening from `createNode` to `close`. */
export class Node implements AsyncDisposable {
  readonly peerId: PeerId
  readonly transport: TransportHandle
  readonly #phonebook: Phonebook
  readonly #storage: Storage
  readonly #names: Names
  readonly #options: CheckedOptions
  readonly #journal: Journal
  readonly #endings: Endings
  #closing: Promise<void> | null = null

  /** Use `createNode`. */
  constructor(parts: NodeParts) {
    this.peerId = parts.transport.peerId
    this.transport = parts.transport
    this.#phonebook = parts.phonebook
    this.#storage = parts.storage
    this.#names = parts.names
    this.#options = parts.options
    this.#journal = parts.journal
    this.#endings = parts.endings
    const summed = { counters: () => this.counters(), replication: () => this.replication() }
    this.#journal.listening({ peerId: this.peerId, addresses: this.addresses }, summed)
  }

  /** Where it can be dialled, each with `/p2p/…`; an unspecified address is given as this machine's own, 127.0.0.1 or ::1. */
  get addresses(): readonly string[] {
    return this.transport.locals.map((local) => formatAddress(dialable(local), this.peerId))
  }

  /**
   * Resolves names, dials the bootstrap nodes and looks itself up. Rejects with BOOTSTRAP_UNREACHABLE when none answers, and with NAME_NOT_FOUND or
   * NAME_UNRESOLVED when there are only names and none has an address. Resolves to the peers then known.
   */
  async join(options: { readonly signal?: AbortSignal } = {}): Promise<{ readonly peers: number }> {
    try {
      const resolving = resolveBootstrap(this.#names, this.#options.bootstrap)
      const { signal } = options
      const addresses = await (signal === undefined ? resolving : unlessEnded(resolving, signal))
      const joined = await this.#phonebook.join(addresses, options)
      this.#journal.joined(joined)
      return joined
    } catch (error) {
      this.#journal.notJoined(error)
      throw error
    }
  }

  /** The 20 peers closest to an id that answered, nearest first, itself not among them. */
  lookup(target: PeerId | ChunkAddress, options: { readonly signal?: AbortSignal } = {}): Promise<readonly PeerId[]> {
    return this.#phonebook.lookup(target, options)
  }

  /**
   * Uploads a file, by its path, or a stream of bytes, and resolves with its link once every chunk is stored at 4 peers at least. Rejects
   * with NOT_ENOUGH_HOLDERS, FILE_NOT_FOUND, FILE_CHANGED, CANCELLED and what reading a file can fail with.
   */
  put(source: PutSource, options: PutOptions = {}): Promise<UploadResult> {
    return this.#storage.put(source, options)
  }

  /**
   * Downloads what a link names to the file `out`, which appears only when every byte was verified, or into a stream, which is given verified
   * bytes in order and is aborted when there are no more to be had. What was put as a directory becomes one at
   * `out`, where nothing may be. Rejects with LINK_INVALID, DIRECTORY_UNSAFE, CHUNK_NOT_FOUND, CHUNK_CORRUPT, FILE_EXISTS, NO_SPACE, CANCELLED and
   * what writing a file can fail with.
   */
  get(link: string, out: string | WritableStream<Uint8Array>, options: GetOptions = {}): Promise<DownloadResult> {
    return this.#storage.get(link, out, options)
  }

  /** How far the copies of the chunks held here are behind the peers known here; null where no chunks are held. */
  replication(): ReplicationStatus | null {
    return this.#storage.replication
  }

  /** What happened so far, from every room of the node. */
  counters(): CounterSnapshot {
    return this.transport.counters()
  }

  /** Everything that can be read of the node, at this moment; docs/metrics.md describes it. */
  metrics(): Metrics {
    return this.transport.metrics()
  }

  /** Ends transfers, says goodbye and gives everything back; idempotent, bounded in time. IO_FAILED when a disk hangs meanwhile. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#journal.closing()
    try {
      await this.#endings.run()
      this.#journal.closed(null)
    } catch (error) {
      this.#journal.closed(SallyportError.from(error))
      throw error
    }
  }
}

interface NodeParts {
  readonly transport: TransportHandle
  readonly phonebook: Phonebook
  readonly storage: Storage
  readonly names: Names
  readonly options: CheckedOptions
  readonly journal: Journal
  readonly endings: Endings
}

/**
 * Makes a node and binds its sockets; it joins no network by itself. Rejects with ADDRESS_INVALID, ARGUMENT_INVALID, BIND_FAILED,
 * DATA_DIR_IN_USE, IDENTITY_DAMAGED and what using a directory can fail with.
 */
export const createNode = async (options: NodeOptions = {}): Promise<Node> => {
  const checked = checkOptions(options)
  const endings = new Endings()
  try {
    return await compose(options, checked, endings)
  } catch (error) {
    await endings.run()
    throw SallyportError.from(error)
  }
}

const compose = async (options: NodeOptions, checked: CheckedOptions, endings: Endings): Promise<Node> => {
  const ports = options.ports ?? (await ownPorts(endings))
  endings.bound(ports)
  const journal = new Journal(options.logger ?? null, ports)
  const { identity, store } = await openData(options, { ports, journal }, endings)
  const counters = new Counters()
  const transport = await TransportHandle.open({
    ports,
    identity,
    counters,
    capability: checked.capability,
    listen: checked.listen,
    skipUnbindable: checked.listenDefault,
    ...(options.policy === undefined ? {} : { policy: options.policy }),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.gate === undefined ? {} : { gate: options.gate }),
  })
  endings.add(() => transport.close())
  const diversity = diversityOf(checked.diversity, transport.locals)
  const phonebook = openPhonebook({ transport, ports, diversity }, endings)
  transport.supervise({ name: 'phonebook' }, () => listen(transport, phonebook, journal))
  const storage = new Storage({
    ...ports,
    identity,
    counters,
    store,
    routing: phonebook,
    exchange: {
      async request(peer, protocol, payload, asked) {
        await phonebook.reach(peer, asked)
        return transport.request(peer, protocol, payload, asked)
      },
      handle: (protocol, answer) => transport.handle(protocol, answer),
    },
  })
  endings.add(() => storage.close())
  if (checked.capability === 'node') storage.serve()
  return new Node({ transport, phonebook, storage, names: ports.names, options: checked, journal, endings })
}

const ownPorts = async (endings: Endings): Promise<Ports> => {
  const ports = await systemPorts()
  endings.add(() => ports.close())
  return ports
}

/** Locks the data directory and opens what is in it; without one there is an identity for this run, and nothing else. */
const openData = async (
  options: NodeOptions,
  { ports, journal }: { readonly ports: Ports; readonly journal: Journal },
  endings: Endings,
): Promise<{ identity: Identity; store: ChunkStore | null }> => {
  const { dataDirectory } = options
  if (dataDirectory === undefined) return { identity: options.identity ?? (await generateIdentity()), store: null }
  await ports.files.makeDirectory(dataDirectory)
  const lock = await ports.files.lock(dataDirectory)
  let store: ChunkStore | null = null
  // While a chunk is being written nobody else may have the directory, though closing does not wait for a disk that hangs.
  endings.add(async () => {
    await store?.quiet()
    await lock.release()
  })
  const identity = options.identity ?? (await ensureIdentity(dataDirectory))
  const { capacityBytes } = options
  store = await ChunkStore.open({
    files: ports.files,
    workers: ports.workers,
    identity,
    directory: `${dataDirectory}/${CHUNKS}`,
    trouble: (trouble) => journal.trouble(trouble),
    ...(capacityBytes === undefined ? {} : { capacityBytes }),
  })
  return { identity, store }
}

const openPhonebook = (
  parts: { transport: TransportHandle; ports: Ports; diversity: ReturnType<typeof diversityOf> },
  endings: Endings,
): Phonebook => {
  const { transport, ports, diversity } = parts
  const holding = new Holding(transport)
  const phonebook = new Phonebook({
    ...ports,
    self: transport.peerId,
    diversity,
    transport: {
      connect: async (address, until) => (await transport.connectPeer(address, until)).peerId,
      peer: (peerId) => transport.peer(peerId),
      hasLeft: (peerId) => transport.hasLeft(peerId),
      hasParted: (peerId) => transport.hasParted(peerId),
      request: async (peer, { protocol, target, count }, { payload, ...until }) => {
        const about = { ...(target === null ? {} : { target }), ...(count === null ? {} : { count }) }
        const answer = await transport.request(peer, protocol, payload, { ...until, ...about })
        return { reason: null, retryAfterMs: null, outcome: null, ...answer }
      },
      keep: (peers) => holding.hold(peers),
    },
  })
  transport.handle(PROTOCOL.findNode, ({ peer, protocol, target, count }) => {
    const asker = transport.peer(peer)
    if (asker === null) return { status: STATUS.refused }
    const { status, payload } = phonebook.answer(asker, { protocol, target, count })
    return { status, payload }
  })
  endings.add(async () => {
    await phonebook.close()
    holding.hold([])
  })
  return phonebook
}

/** The phonebook is told who becomes connected, and who is no more, and the journal too. The loop ends when the transport closes its events. */
const listen = async (transport: TransportHandle, phonebook: Phonebook, journal: Journal): Promise<void> => {
  for await (const event of transport.events()) {
    journal.event(event)
    if (event.kind === 'connected') phonebook.identified(event.peer)
    else if (event.kind === 'disconnected') phonebook.disconnected(event.peerId)
    else if (event.kind === 'lagged') for (const peer of event.peers) phonebook.identified(peer)
  }
}

const dialable = (local: Address): Address => {
  if (local.ip === '0.0.0.0') return { ...local, ip: '127.0.0.1' }
  return local.ip === '::' ? { ...local, ip: '::1' } : local
}
