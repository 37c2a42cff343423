// What a transport is made of, put together: endpoint, registry and what drives them.
import type { Address } from '../core/address.ts'
import { mayShare } from '../core/address.ts'
import { Counters } from '../core/counters.ts'
import { SallyportError } from '../core/errors.ts'
import { type Histograms, histograms as newHistograms } from '../core/histograms.ts'
import { Backlog } from '../core/dispatch/backlog.ts'
import { Places } from '../core/dispatch/places.ts'
import { Room, type RoomLimits } from '../core/dispatch/room.ts'
import { Usage } from '../core/dispatch/usage.ts'
import { type GateOptions, gateOptionsOf } from '../core/gate/options.ts'
import { Shares } from '../core/gate/shares.ts'
import { ALPN, PROTOCOL_VERSION } from '../core/messages/codes.ts'
import type { Capability, Hello } from '../core/messages/hello.ts'
import { Registry } from '../core/peers/registry.ts'
import { growthBudget } from '../core/quic/flow-control.ts'
import { mtuMaxFrom } from '../core/quic/path-mtu.ts'
import { TRANSPORT_DEFAULTS, type TransportSettings } from '../core/quic/settings.ts'
import { resetSecret } from '../io/identity.ts'
import type { Identity, Ports, Workers } from '../io/ports.ts'
import type { Acceptance, AcceptanceParts, Admission } from './acceptance.ts'
import type { Workshop } from './conversation.ts'
import { Dialler } from './dialler.ts'
import { Dispatcher } from './dispatcher.ts'
import { Endpoint } from './endpoint.ts'
import { EventFeed } from './events.ts'
import { Handlers } from './handlers.ts'
import { CHARGED_BESIDE_MAX } from './inbound-charge.ts'
import { Lifecycle } from './lifecycle.ts'
import { type Limits, limitsOf } from './options.ts'
import type { Policy } from './policy.ts'
import type { Quic } from './quic.ts'
import { Schedule } from './schedule.ts'
import { TaskSet } from './task-set.ts'
import { UNTRACED } from './untraced.ts'

/** What a transport is made of. */
export interface TransportOptions {
  readonly ports: Ports
  readonly identity: Identity
  /** A client is put into nobody's phonebook. */
  readonly capability: Capability
  /** Where to listen and dial from, at most one address a family; port 0 is any free one. */
  readonly listen: readonly Address[]
  /** An address that cannot be bound is skipped, as long as another can. Default false. */
  readonly skipUnbindable?: boolean
  readonly limits?: Partial<Limits>
  /** Settings of the gate; `core/gate/options.ts` says of each what it does. */
  readonly gate?: Partial<GateOptions>
  /** Default `sallyport/0.1.0`. Printable ASCII, at most 256 characters. */
  readonly userAgent?: string
  /** Whether a peer that has identified itself may be here; default: everybody may. */
  readonly policy?: Policy
  /** Where everything is counted; default: counters of its own. */
  readonly counters?: Counters
  /** Where peers are told to find us; default: where it listens, unspecified addresses aside. */
  readonly advertise?: () => readonly Address[]
  readonly transport?: Partial<TransportSettings>
  /** For control experiments: stands before the registry's own acceptance. Default: nothing does. */
  readonly acceptance?: (parts: AcceptanceParts) => Acceptance
  /** For control experiments; default: no handshake waits for another. */
  readonly admission?: Admission
  /** Default: the core's. */
  readonly quic?: Quic
}

/** The rooms of one transport, joined. */
export interface TransportParts {
  readonly limits: Limits
  readonly counters: Counters
  readonly histograms: Histograms
  readonly workers: Workers
  readonly schedule: Schedule
  readonly events: EventFeed
  readonly registry: Registry
  readonly workshop: Workshop
  readonly dispatcher: Dispatcher
  readonly lifecycle: Lifecycle
  readonly endpoint: Endpoint
  readonly dialler: Dialler
}

/** Messages of one peer that have ended and wait for their handlers: somewhat more than it may have open on one connection. */
const ARRIVING_PER_PEER_MAX = 128

/** Of the room for messages, what those that have ended may hold while they wait for their handlers. */
const BACKLOG_SHARE = 1 / 8

/** The same of those that were begun small: beside one protocol that hangs and all of these, a sixteenth is left. */
const PROMISED_SHARE = 1 / 16

/** Of the room for messages, what the handlers of one protocol may have in their hands: where they hang, others have a quarter. */
const HANDED_SHARE = 3 / 4

const USER_AGENT = 'sallyport/0.1.0'

/** All windows of a node together may grow by this. */
const GROWTH_BYTES = 256 * 1024 * 1024

/** Builds a transport that listens nowhere yet; throws ARGUMENT_INVALID for a limit that is none. */
export const transportParts = (options: TransportOptions): TransportParts => {
  const { ports, identity } = options
  const limits = limitsOf(options.limits)
  const counters = options.counters ?? new Counters()
  const histograms = newHistograms()
  const { tracing = UNTRACED } = ports
  const schedule = new Schedule(ports.clock, ports.timers, (ms) => histograms.eventLoop.record(ms))
  const events = new EventFeed(limits.eventsMax, (missed) => (counters.subscriberLag += missed))
  const { connectionsPerHostMax: perHostMax, connectionsNetworkShare: networkShare } = gateOptionsOf(options.gate)
  const shares = new Shares({ connectionsMax: limits.connectionsMax, perHostMax, networkShare })
  const registry = new Registry({ ...limits, self: identity.peerId }, counters, shares)
  const workshop: Workshop = {
    clock: ports.clock,
    timers: ports.timers,
    schedule,
    limits,
    counters,
    histograms,
    tracing,
    ...rooms(options, limits),
    handlers: new Handlers(),
    tasks: new TaskSet(limits.tasksMax, failures(counters, events)),
    ...places(limits),
  }
  const locals = (): readonly Address[] => endpoint.locals
  const dispatcher = new Dispatcher(ports.timers, counters)
  const hello = greeting(options, locals)
  const policy = options.policy === undefined ? {} : { policy: options.policy }
  const lifecycle = new Lifecycle({ registry, events, workshop, dispatcher, hello, ...policy })
  const acceptance = options.acceptance?.({
    own: lifecycle,
    schedule,
    identified: (handle) => registry.isActive(handle),
  })
  const endpoint = new Endpoint({
    ports,
    identity,
    alpn: [ALPN],
    limits,
    schedule,
    counters,
    histograms,
    acceptance: acceptance ?? lifecycle,
    handles: registry,
    crowd: { shares, evict: (handle, retryAfterMs) => lifecycle.evict(handle, retryAfterMs) },
    transport: settingsOf(options, limits),
    resetSecret: resetSecret(identity),
    ...(options.gate === undefined ? {} : { gate: options.gate }),
    ...(options.admission === undefined ? {} : { admission: options.admission }),
    ...(options.quic === undefined ? {} : { quic: options.quic }),
  })
  const dialler = new Dialler(identity.peerId, endpoint, lifecycle)
  lifecycle.attach(endpoint, dialler)
  const { workers } = ports
  return {
    limits,
    counters,
    histograms,
    workers,
    schedule,
    events,
    registry,
    workshop,
    dispatcher,
    lifecycle,
    endpoint,
    dialler,
  }
}

/** What peers may make us keep of what they said, and of what we answer them. */
const rooms = ({ ports, gate }: TransportOptions, limits: Limits): Pick<Workshop, 'intake' | 'answers'> => {
  const isLoopbackTrusted = gateOptionsOf(gate).loopback === 'trusted'
  const room = (sizes: Omit<RoomLimits, 'bytesPerStayMax'>): Room => {
    const byteSeconds = (sizes.bytesPerPeerMax * limits.roomFullMs) / 1000
    const bytesPerStayMax = limits.messageBytesMax + CHARGED_BESIDE_MAX
    return new Room({ ...sizes, bytesPerStayMax }, new Usage({ byteSeconds, isLoopbackTrusted }, ports.random))
  }
  return {
    intake: room({
      bytesPerPeerMax: limits.inboundBytesPerPeerMax,
      bytesPerShardMax: limits.inboundBytesPerShardMax,
      bytesMax: limits.inboundBytesMax,
    }),
    answers: room({
      bytesPerPeerMax: limits.answerBytesPerPeerMax,
      bytesPerShardMax: limits.answerBytesMax,
      bytesMax: limits.answerBytesMax,
    }),
  }
}

const places = (limits: Limits): Pick<Workshop, 'running' | 'arriving' | 'backlog' | 'promised'> => ({
  running: {
    byProtocol: new Places(limits.handlersPerProtocolMax),
    bytesByProtocol: new Places(limits.inboundBytesMax * HANDED_SHARE),
    byPeer: new Places(limits.handlersPerPeerMax),
  },
  arriving: new Places(ARRIVING_PER_PEER_MAX),
  backlog: new Backlog(limits.inboundBytesMax * BACKLOG_SHARE),
  promised: new Backlog(limits.inboundBytesMax * PROMISED_SHARE),
})

/** A failed task is an event and a counter. */
const failures =
  (counters: Counters, events: EventFeed): ConstructorParameters<typeof TaskSet>[1] =>
  (task, error) => {
    counters.taskFailures++
    events.publish({ kind: 'task-failed', task, error: SallyportError.from(error) })
  }

const settingsOf = (options: TransportOptions, limits: Limits): TransportSettings => ({
  ...TRANSPORT_DEFAULTS,
  growth: growthBudget(GROWTH_BYTES),
  mtuMax: mtuMaxFrom(limits),
  ...options.transport,
})

/** Makes our HELLO for a peer: only addresses that mean the same place to it are told. */
const greeting = (options: TransportOptions, locals: () => readonly Address[]): ((remote: Address) => Hello) => {
  const { capability, userAgent = USER_AGENT, advertise = locals } = options
  const incarnation = new Uint8Array(8)
  options.ports.random.fill(incarnation)
  return (remote) => ({
    version: PROTOCOL_VERSION,
    userAgent,
    incarnation,
    capability,
    addresses: advertise().filter((address) => mayShare(address, remote)),
    observed: remote,
  })
}
