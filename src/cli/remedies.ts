// What each error code means and what to do about it: the one table from which the command line prints remedies and from which
// `docs/errors.md` is written.
import type { ErrorCode, SendStage } from '../index.ts'

/** One code's entry: what happened, and what its reader can do. Whole sentences. */
export interface Remedy {
  readonly meaning: string
  readonly remedy: string
}

/** What the peer may have seen of a request or message that failed at a stage; every stage has an entry. Whole sentences. */
export const STAGES: Readonly<Record<SendStage, string>> = {
  'no-peer': 'There was no connection to the peer, or none that became identified. Nothing was sent.',
  open: 'It waited for a stream. Nothing was sent, though the connection in use and the one after it were tried.',
  write: 'Its end was not written. Some of it may have arrived, but no handler has seen it.',
  acknowledge: 'All was written, and not all of it is known to have arrived. A handler may have acted on it or not.',
  answer: "All of it arrived, but no answer came back whole. The peer's handler may be at work still.",
}

/** Every code has an entry: the type says so. */
export const REMEDIES: Readonly<Record<ErrorCode, Remedy>> = {
  ADDRESS_INVALID: {
    meaning: 'A text is not an address a node can be reached at.',
    remedy:
      'Write it as "sallyport start" prints it: /ip4/192.0.2.1/udp/9000/quic-v1, with or without /p2p/ and the PeerId.',
  },
  ARGUMENT_INVALID: {
    meaning: 'A command or a function was called with an argument it does not take.',
    remedy: 'See "sallyport help <command>" or the documentation of the function for what is allowed.',
  },
  AUTHENTICATION_MISSING: {
    meaning: 'A QUIC connection was to be made or taken without saying who may be at its other end.',
    remedy:
      'Say it with the option "verify": the keys that are trusted, or a function that decides. Nobody is trusted by default.',
  },
  BAD_RESPONSE: {
    meaning: 'A peer answered a request with something that is no answer to it.',
    remedy: 'Nothing was taken from the answer. Try again, which asks other peers; the peer may run another version.',
  },
  BIND_FAILED: {
    meaning: 'A socket could not be bound: the port is taken, or the address is not one of this machine.',
    remedy:
      'Choose another address or port with --listen, or --admin where that is what failed; port 0 takes any free one.',
  },
  BOOTSTRAP_UNREACHABLE: {
    meaning: 'None of the bootstrap nodes answered.',
    remedy:
      'Check that one of them is running and that UDP reaches it, and that the address, with its port and PeerId, is the one it printed at its start.',
  },
  CANCELLED: {
    meaning: 'The caller stopped the operation, by its signal or from the keyboard.',
    remedy: 'Nothing half-done is left behind; start it again when wanted.',
  },
  CHUNK_CORRUPT: {
    meaning: 'Stored bytes do not have the hash they should have, or do not open with the key of the link.',
    remedy: 'The bytes were thrown away. Check that the link is whole; if it is, the file has to be uploaded again.',
  },
  CHUNK_NOT_FOUND: {
    meaning: 'No peer that should hold a chunk of the file could be found to have it.',
    remedy:
      'Try again when more of the network can be reached, check that the link and the network belong together, or upload the file again.',
  },
  CLOSED: {
    meaning: 'The node or the connection was already closed.',
    remedy: 'Make a new node; a closed one stays closed.',
  },
  CONNECTION_LOST: {
    meaning: 'The connection to a peer ended while it was needed.',
    remedy: 'Try again: a new connection is made when it is needed.',
  },
  CONNECTION_REFUSED: {
    meaning: 'The peer has no room for another connection, or does not want this one.',
    remedy:
      'Wait a little, as long as the error’s retryAfterMs says where it says, and try again, or use another peer.',
  },
  DATA_DIR_IN_USE: {
    meaning: 'Another process is running with this data directory; two must never share an identity.',
    remedy: 'Stop the other process, or choose another directory with --data.',
  },
  DIAL_SELF: {
    meaning: "The address leads to this very node: the other side has this node's own identity.",
    remedy:
      "Give the address of another node; if it is another machine, its data directory is a copy of this one's and must be removed.",
  },
  DIAL_TIMEOUT: {
    meaning: 'Nobody answered at the address within the time a dial may take.',
    remedy: 'Check that the node is running and that UDP reaches its port.',
  },
  DIAL_TOO_SOON: {
    meaning:
      'The address failed a moment ago, or too many dials to its host went unanswered, so it is left alone for now; or this node makes as many dials, or has as many connections, as it may. Nothing was sent.',
    remedy:
      'Try again after the time in the message, which is also the "retryAfterMs" of the error; where none is named, when another dial or connection has ended.',
  },
  DIRECTORY_UNFIT: {
    meaning:
      'A directory holds what is not kept in a network: a link or a device, or a name that not every file system takes, such as two that differ in case alone.',
    remedy:
      'Leave links and devices out with --skip-links, or rename what the message names. With "tar c DIR | sallyport put -" all is kept as it is.',
  },
  DIRECTORY_UNSAFE: {
    meaning:
      'A link names a directory with paths that could lead out of it or over each other. Nothing of it was written.',
    remedy: 'Do not trust whoever made the link. "sallyport put" makes no such directory.',
  },
  FILE_CHANGED: {
    meaning: 'The file changed while it was read, so what was read is no version of it.',
    remedy: 'Start again when nothing writes to the file.',
  },
  FILE_EXISTS: {
    meaning: 'There is a file already where the result is to be written.',
    remedy: 'Choose another name, or replace the file with --force.',
  },
  FILE_NOT_FOUND: {
    meaning: 'A file or directory is not there.',
    remedy: 'Check the path.',
  },
  FLOOD_FAILED: {
    meaning:
      'A flood did not end as it should: an honest client was not identified, or the counters of the node disagree.',
    remedy:
      'The report says which clients failed, and with which code. Try fewer clients where the machine is slow; otherwise look at what the node refused.',
  },
  HANDSHAKE_FAILED: {
    meaning: 'The two sides could not agree on a secure connection.',
    remedy: 'Check that the other side is a Sallyport node of a version this one can talk to.',
  },
  IDENTITY_DAMAGED: {
    meaning: 'The identity file in the data directory is there but holds no identity.',
    remedy:
      'Restore the file from a copy. If there is none, move it away, and the next start makes a new identity with a new PeerId.',
  },
  IDENTITY_MISMATCH: {
    meaning: 'Another identity answered at the address than the PeerId in it names.',
    remedy:
      'Ask for the current address of the node. If it did not change its identity, someone else answers in its place.',
  },
  IDENTITY_TIMEOUT: {
    meaning: 'A connection was made, but the peer did not introduce itself within the deadline.',
    remedy: 'Try again; if it stays so, the peer is overloaded or is no Sallyport node.',
  },
  INTERNAL: {
    meaning: 'Something happened that Sallyport did not foresee: a defect of its own.',
    remedy: 'Please report it with the message and what led to it.',
  },
  IO_FAILED: {
    meaning: 'The system refused to read or write something, as the message says.',
    remedy: 'Check permissions and the state of the disk, and try again.',
  },
  LINK_INVALID: {
    meaning: 'A text is not a link to a file.',
    remedy: 'Copy the whole link as "sallyport put" printed it, in quotes: sallyport:, 64 digits, #, 64 digits.',
  },
  MIGRATION_FAILED: {
    meaning: 'A QUIC session could not be moved to another socket: the server did not answer there, or forbids it.',
    remedy:
      'The session goes on where it was. Check that the new address reaches the server, or connect anew from there.',
  },
  NAME_NOT_FOUND: {
    meaning: 'A host name has no address.',
    remedy: 'Check how it is spelled and that this machine can resolve names, or give the IP address.',
  },
  NAME_UNRESOLVED: {
    meaning:
      'No name server said whether a host name has an address: none answered in time, or the one that did had failed itself.',
    remedy: 'Try again, check the name servers of this machine, or give the IP address.',
  },
  NOT_CONNECTED: {
    meaning: 'There is no connection to the peer.',
    remedy: 'Connect to the peer first.',
  },
  NOT_ENOUGH_HOLDERS: {
    meaning: 'Fewer nodes stored a chunk than are needed for the upload to count as safe.',
    remedy: 'Upload again when more nodes are in the network, or take the risk with --allow-fewer.',
  },
  NO_ADDRESS: {
    meaning: 'A peer is known, but no address at which it could be dialled.',
    remedy: 'Look the peer up again, or give one of its addresses.',
  },
  NO_SPACE: {
    meaning: 'The disk is full, or the quota of this user is.',
    remedy: 'Free some space and try again. What was stored before is intact, and nothing half-written is left.',
  },
  PEER_BUSY: {
    meaning: 'The peer has as much to do as it takes on.',
    remedy: 'Wait a little and try again.',
  },
  PEER_UNTRUSTED: {
    meaning: 'Whoever is at the other end of a QUIC connection is not one that "verify" accepts.',
    remedy:
      'Check that the address is the right one. If the peer has a new key on purpose, put it in place of the old one in "verify".',
  },
  REQUEST_REFUSED: {
    meaning: 'The peer understood the request and refused it, as the message says.',
    remedy: 'Ask another peer.',
  },
  REQUEST_TIMEOUT: {
    meaning: 'The peer did not answer a request in time.',
    remedy: 'Try again, or give the request more time.',
  },
  REQUEST_UNSUPPORTED: {
    meaning: 'The peer does not speak the protocol of the request.',
    remedy: 'Ask a peer that does; this one may run another version.',
  },
  RESET_BY_PEER: {
    meaning: 'The peer broke off a stream in the middle.',
    remedy: 'Try again.',
  },
  RUNTIME_UNSUPPORTED: {
    meaning: 'This Node, or the OpenSSL in it, lacks something that Sallyport needs.',
    remedy: 'Install Node 24.12 or newer, built with OpenSSL 3.5 or newer.',
  },
  TESTNET_FAILED: {
    meaning: 'The test network could not do its job, as the message says.',
    remedy: 'Try fewer nodes: each one needs memory, a socket and a share of the processor.',
  },
  TOO_LARGE: {
    meaning: 'A message or a request is larger than its protocol allows.',
    remedy: 'Send less at once.',
  },
  WINDOW_UNREACHABLE: {
    meaning: 'The admin server of a node did not answer, or not as one would.',
    remedy:
      'Check that the node runs with --admin at this address, that the address names it as --admin-host lists it, and that the token is the right one.',
  },
}
