// The public API of Sallyport.
export { type Address, formatAddress, parseAddress, type PeerAddress } from './core/address.ts'
export { type NamedAddress, parseDialAddress } from './core/named-address.ts'
export type { DownloadLimits, DownloadResult } from './core/chunks/download.ts'
export type { ReplicationStatus } from './core/chunks/replication.ts'
export type { UploadLimits, UploadResult } from './core/chunks/upload-outputs.ts'
export type { CounterSnapshot, Direction, EndingKind, HandshakeFailure, RefuseReason } from './core/counters.ts'
export { bucketEndMs, type HistogramSnapshot, mergeHistograms, quantileMs } from './core/histogram.ts'
export type { HistogramsSnapshot, Timed } from './core/histograms.ts'
export { ERROR_CODES, type ErrorCode, SallyportError, SEND_STAGES, type SendStage } from './core/errors.ts'
export type { ChunkAddress, ConnectionHandle, PeerId } from './core/ids.ts'
export { parseChunkAddress, parsePeerId } from './core/ids.ts'
export { STATUS } from './core/messages/codes.ts'
export type { Capability, Hello } from './core/messages/hello.ts'
export type { Ip } from './core/ip.ts'
export type {
  ChainClaim,
  ChainObjection,
  ChainTrust,
  Crypto,
  Group,
  HashName,
  KeyShare,
  PacketKey,
  Random,
  SignatureScheme,
  Suite,
  Work,
  WorkDone,
} from './core/ports.ts'
export type { PeerInfo } from './core/peers/connection-record.ts'
export { generateIdentity, readIdentity } from './io/identity.ts'
export type {
  CertificateKey,
  Clock,
  FileHandle,
  Files,
  Identity,
  Job,
  Look,
  Names,
  OpenMode,
  Ports,
  Timer,
  Timers,
  TraceDetail,
  TracedStep,
  TracedTime,
  TracedWork,
  Tracing,
  Udp,
  UdpEvents,
  UdpSocket,
  Workers,
} from './io/ports.ts'
export { type SystemPorts, systemPorts } from './io/system.ts'
export { STEP_CHANNELS, WORK_CHANNELS } from './io/tracing.ts'
export { UDP_BUFFER_BYTES } from './io/udp.ts'
export { CONNECTIONS_PER_PAGE, type ConnectionPage, type ConnectionReading } from './node/connections.ts'
export type { TransportEvent } from './node/events.ts'
export type { Task } from './node/task-set.ts'
export type { Gauges } from './node/gauges.ts'
export type { Answer, Handler, InboundCall } from './node/handlers.ts'
export type { Logger, LogFields } from './node/logger.ts'
export type { Metrics } from './node/metrics.ts'
export type { NodeOptions } from './node/node-options.ts'
export { createNode, type Node } from './node/node.ts'
export { GATE_OPTIONS, type GateOptions } from './core/gate/options.ts'
export { type Limits, LIMITS } from './node/options.ts'
export type { Ending, EndingCause } from './node/recent-endings.ts'
export type { Policy } from './node/policy.ts'
export type { DownloadProgress, GetOptions } from './node/transfer-download.ts'
export type { PutOptions, PutSource, UploadProgress } from './node/transfer-upload.ts'
export type {
  CallOptions,
  Connected,
  ConnectOptions,
  RequestOptions,
  Response,
  TransportHandle,
} from './node/transport-handle.ts'
