// The public API of `sallyport/quic`: QUIC for any protocol, client and server.
export type { Address } from '../core/address.ts'
export { ERROR_CODES, type ErrorCode, SallyportError } from '../core/errors.ts'
export { GATE_OPTIONS, type GateOptions } from '../core/gate/options.ts'
export { parsePeerId, type PeerId, type StreamId } from '../core/ids.ts'
export { generateIdentity, readIdentity } from '../io/identity.ts'
export type { Identity, NetworkPorts } from '../io/ports.ts'
export { BidirectionalStream } from './bidirectional-stream.ts'
export { connect } from './connect.ts'
export type { CertificateFiles, GroupName, SuiteName } from './credentials.ts'
export type { EngineStats } from './engine.ts'
export type { CongestionName } from '../core/quic/congestion.ts'
export type { DatagramCounts, DatagramFate } from '../core/quic/datagrams.ts'
export type { CloseReason } from '../core/quic/outputs.ts'
export type { DatagramOutcome, DatagramSending } from './datagrams.ts'
export { QUIC_LIMITS, type QuicLimits } from './limits.ts'
export { listen, Listener } from './listener.ts'
export type { MigrateOptions, Migration } from './migrations.ts'
export type {
  AbortOptions,
  CloseOptions,
  Closing,
  ConnectOptions,
  ListenOptions,
  QuicOptions,
  QuicPorts,
} from './options.ts'
export type { Authorities, Peer, PinnedCertificates, PinnedKeys, Verify, VerifyFunction } from './peer.ts'
export type { QlogOptions, QlogSink, QlogSubject } from './qlog.ts'
export { ReceiveStream } from './receive-stream.ts'
export { SessionCache } from './session-cache.ts'
export { SendStream } from './send-stream.ts'
export { Session, type SessionStats } from './session.ts'
