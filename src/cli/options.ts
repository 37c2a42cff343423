// The one table of commands and options. Parsing, `--help` and docs/cli.md are all made from it, and so are the types of what a
// command is given.
import { TOKEN_CHARACTERS } from '../admin/token.ts'
import { ACCEPTANCE_KINDS } from '../siege/acceptances.ts'
import { SILENCES } from '../siege/silence.ts'
import { PREFIXES_MAX } from '../siege/sources.ts'

/**
 * How an option's value is read. A `flag` has none; a `listen-address` may have port 0, a `dial-address` a name; a `bind` is an IP address and
 * a port of TCP; `size` takes units (MB = 10⁶, MiB = 2²⁰ bytes), and so does `duration` (50ms, 30s, 2m); a `percent` is `5%`, a `rate` is `2%/min`;
 * an `address` and a `dial-address` may be `@FILE`, the manifest of a test network; a `part` is a number, or a number of one of the choices (mute=20).
 */
export type OptionKind =
  | 'flag'
  | 'path'
  | 'address'
  | 'dial-address'
  | 'listen-address'
  | 'bind'
  | 'name'
  | 'choice'
  | 'count'
  | 'size'
  | 'duration'
  | 'percent'
  | 'rate'
  | 'part'

/** One option; its key in the table is its long name in camelCase. */
export interface OptionSpec {
  readonly kind: OptionKind
  /** How the value is called in help; a flag has none. */
  readonly value?: string
  /** The option may be given more than once, or, unless it is `repeated`, several values at once. */
  readonly many?: true
  readonly repeated?: true
  readonly required?: true
  readonly default?: number | string
  /** The least and the greatest value of a count, size, duration (milliseconds), percent or rate. */
  readonly range?: readonly [number, number]
  readonly choices?: readonly string[]
  /** The key of an option that cannot be given beside this one. */
  readonly excludes?: string
  /** The key of an option without which this one means nothing. */
  readonly requires?: string
  /** For our own tests; left out of help and documentation. */
  readonly hidden?: true
  readonly help: string
}

/** The one positional argument a command may take. */
export interface ArgumentSpec {
  readonly name: string
  readonly kind: 'path' | 'link' | 'address' | 'window'
  readonly required: boolean
  readonly help: string
}

/** One command of the command line. */
export interface CommandSpec {
  readonly summary: string
  /** What it prints and when it fails, for the documentation; Markdown paragraphs. */
  readonly details: readonly string[]
  readonly argument?: ArgumentSpec
  readonly options: Readonly<Record<string, OptionSpec>>
}

const BOOTSTRAP = {
  kind: 'dial-address',
  value: 'ADDR',
  many: true,
  help: 'a node of the network, as its start printed it, or by name (/dns4/example.org/udp/9000/quic-v1), or @FILE, the manifest of a test network; the first that answers will do',
} as const satisfies OptionSpec

const DATA = {
  kind: 'path',
  value: 'DIR',
  help: 'where the identity and the chunks are kept (default: $XDG_DATA_HOME/sallyport)',
} as const satisfies OptionSpec

/** An option of every command. */
export const JSON_OPTION = {
  kind: 'flag',
  help: 'print the result as one JSON object on the last line of stdout',
} as const satisfies OptionSpec

/** Options of a window: where it is, and who may look. */
const ADMIN = {
  admin: {
    kind: 'bind',
    value: 'IP:PORT',
    help: 'where to serve metrics, health and a snapshot, such as 127.0.0.1:9464 (default: nowhere)',
  },
  adminHost: {
    kind: 'name',
    value: 'NAME',
    many: true,
    help: 'a name the admin server is asked for by, beside localhost and its addresses',
  },
  adminTokenFile: {
    kind: 'path',
    value: 'FILE',
    help: `a file with the token that is asked for, from ${TOKEN_CHARACTERS.join(' to ')} characters`,
  },
  adminTlsCert: { kind: 'path', value: 'FILE', help: 'the certificate chain of the admin server, as PEM' },
  adminTlsKey: { kind: 'path', value: 'FILE', help: 'and its private key' },
  adminInsecure: {
    kind: 'flag',
    help: 'let the admin server be reached from elsewhere without a certificate and a token',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>

/** How much is logged, from nothing to everything. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

const LOG_LEVEL = {
  kind: 'choice',
  value: 'LEVEL',
  choices: LOG_LEVELS,
  default: 'silent',
  help: 'how much of what the node does is logged to stderr, a JSON object a line',
} as const satisfies OptionSpec

const START = {
  summary: 'run a node until it is told to stop',
  details: [
    'Prints first, one line each, the full addresses at which other nodes can dial it, with their ports. What listens at every address of the machine, as it does by default, has a line for each: the first is for this machine alone, the others are for those who can reach them. With `--json` that is one line `{"event":"listening","addresses":[…],"peerId":"…"}`, with `"admin":"…"` where there is an admin server, and at the end one line with the counters of the node.',
    'SIGTERM is how a service is told to stop, and then the exit code is 0; SIGINT, as from the keyboard, interrupts, and then it is 130. Either way connections are closed first, and chunks being written are finished. A second signal ends it at once with 130.',
    '`--admin` opens a window into the node for Prometheus, supervisors and people; [operations.md](operations.md) says what is there and who may see it. Where a token is given, in a file or in the environment as `SALLYPORT_ADMIN_TOKEN`, everything but `/health` and `/ready` asks for it.',
    'What the node does is logged to stderr, one JSON object a line; [operations.md](operations.md#the-log) says what is in it, and what happens when nobody reads it. Nothing of it is on stdout.',
  ],
  options: {
    listen: {
      kind: 'listen-address',
      value: 'ADDR',
      many: true,
      help: 'a local address to bind, such as /ip4/0.0.0.0/udp/9000/quic-v1 (default: any port of both families)',
    },
    bootstrap: {
      ...BOOTSTRAP,
      help: 'a node of the network to join, or @FILE, the manifest of a test network; without one this node starts a network',
    },
    data: DATA,
    ...ADMIN,
    logLevel: { ...LOG_LEVEL, default: 'info' },
  },
} as const satisfies CommandSpec

const DOCTOR = {
  summary: 'check whether this machine can run a node well, and say what to change',
  details: [
    'Looks at Node and its OpenSSL, the packet cipher in use, sockets of both families and their buffers, the limit of open files, the clock, how late timers run, the data directory and its disk, and, with `--bootstrap`, whether each of those nodes can be reached. Nothing is changed, and no data directory is made. Dials with an identity that is thrown away.',
    'Each finding is `ok`, `warn` (a node runs, but less well) or `fail` (it cannot run, or not as it is told to), with what to do about it. With `--json`: `{ ok, findings: [{ check, status, found, advice }] }`, where `advice` is null for what is well. The exit code is 1 where anything failed.',
  ],
  options: {
    bootstrap: { ...BOOTSTRAP, help: 'a node that is to be reached' },
    data: DATA,
  },
} as const satisfies CommandSpec

const TOP = {
  summary: 'show what a node is doing, once a second',
  details: [
    'Asks the admin server of a node (`start --admin`) and shows what happened in the last second, how long it took, who is connected, who went or was refused lately and why, and what is wrong. On a terminal it is one screen, drawn anew each second, until Ctrl-C; otherwise one line a second. The address is an IP address and a port, or a URL; the token is read from a file or from the environment, as `SALLYPORT_ADMIN_TOKEN`.',
    'With `--json` each second is one line: what `/snapshot` answers, without the connections, or `{ "unreachable": "…" }`. A node that does not answer at first is an error; one that falls silent later is waited for.',
  ],
  argument: { name: 'ADDR', kind: 'window', required: false, help: 'the admin server (default: 127.0.0.1:9464)' },
  options: {
    for: { kind: 'duration', value: 'TIME', range: [100, 86_400_000], help: 'how long (default: until it is stopped)' },
    adminTokenFile: { kind: 'path', value: 'FILE', help: 'a file with the token that is asked for' },
  },
} as const satisfies CommandSpec

const FLOOD = {
  summary: 'dial one node with many clients at once, and attack it meanwhile',
  details: [
    'Each honest client has its own identity, made beforehand, and its own socket; all dial at once. The attack begins before them, in processes of its own, and lasts to the end: what a deadline ends comes again. Only loopback addresses can be targets. Without an address a node is started in a child process, and its counters are read too.',
    '`--silent` adds clients that go so far and no further, so many of a kind: `half-open` sends a first flight and never answers (a number alone means these), `retry` answers the Retry, then nothing, `half-hello` sends half a ClientHello, `mute` finishes TLS and never sends HELLO, `deaf` sends HELLO and requests and never reads again. `--garbage` is datagrams of random bytes, half of them behind a header in order; `--replay` is first flights that were captured and are sent again.',
    'With `--prefixes` or `--probe` the two sides come from networks of their own, 127.x.y.1 each in a /24 of its own, attackers from so many and every honest client from one that nobody had before; a node that is started then treats loopback as the outside. The system must let 127.0.0.0/8 be bound, as Linux does.',
    '`--probe` measures: a new honest client dials every so often, `--for` so long before the attack and so long again while it lasts. The clients of `--clients` dial between the two.',
    'With `--json`: `{ clients, silent, silentByKind, connected, identified, failed: {code: n}, identityMs: { p50, p99, max }, wallMs, attack: { attempts, finished, closed, turnedAway, garbage, replayed } }`, with `--probe` `probe: { everyMs, quiet, loaded }` as well, each `{ clients, identified, failed, p50, p99, max }`, and without an address `serverAccepted`, `serverRegistered`, `serverReading` and `verdicts`, the counters of the gate. `identityMs`, `p50`, `p99` and `max` are milliseconds from the dial to identified. The exit code is 1, and `error` stands beside the figures, unless every honest client was identified and, where known, accepted = registered = reading = connected; where silent clients finish handshakes, at least as many as connected.',
  ],
  argument: {
    name: 'ADDR',
    kind: 'address',
    required: false,
    help: 'the node to dial, or @FILE, the manifest of a test network; loopback only',
  },
  options: {
    clients: { kind: 'count', value: 'N', default: 40, range: [0, 10_000], help: 'how many honest clients' },
    silent: {
      kind: 'part',
      value: 'KIND=M',
      many: true,
      repeated: true,
      choices: SILENCES,
      help: `how many clients that fall silent; KIND is ${SILENCES.join(', ')}; M alone is half-open=M`,
    },
    garbage: {
      kind: 'count',
      value: 'K',
      default: 0,
      range: [0, 20_000],
      help: 'how many datagrams of garbage a second',
    },
    replay: {
      kind: 'count',
      value: 'R',
      default: 0,
      range: [0, 5_000],
      help: 'how many replayed first flights a second',
    },
    prefixes: {
      kind: 'count',
      value: 'P',
      range: [1, PREFIXES_MAX],
      help: 'from how many networks the attack comes (default: everybody from one address)',
    },
    probe: {
      kind: 'duration',
      value: 'TIME',
      range: [5, 60_000],
      help: 'measure with a new honest client this often, such as 50ms',
    },
    for: {
      kind: 'duration',
      value: 'TIME',
      range: [100, 600_000],
      help: 'how long each measurement takes, or without one the attack (default: 30s, or as long as the clients take)',
    },
    processes: {
      kind: 'count',
      value: 'N',
      range: [1, 16],
      help: 'over how many processes the attack is spread (default: one for each 256 silent clients)',
    },
    acceptance: {
      kind: 'choice',
      value: 'HOW',
      default: 'own',
      choices: ACCEPTANCE_KINDS,
      hidden: true,
      help: 'how the node that is started accepts: its own way, or as a control experiment does',
    },
  },
} as const satisfies CommandSpec

const TESTNET = {
  summary: 'run a network on this machine, upload a file, download it and compare',
  details: [
    'Every node has its own identity, UDP socket and data directory, on an address of its own in 127.0.0.0/8 where the system allows that; there its gate judges the others as strangers from outside. The network is formed when a lookup of itself gives every node the true 7 closest. The file is uploaded by one client and downloaded by another, which joins afterwards and runs in another process; both files are then read again from disk and compared. Everything is removed at the end.',
    'With `--for` the network goes on for so long after that: every so often a new file is uploaded, downloaded and compared, and at the end every file whose upload had succeeded is downloaded once more. `--churn` lets nodes leave meanwhile, in turn with a goodbye and without one, each back after 30 s at its old address with what it holds; the first three stay. Slow nodes are 150 ms away from everybody, each way. Silent ones join as others do and fall silent once the network is formed.',
    '`--check` measures the formed network at rest for 20 s, before anything is uploaded, and judges, by what 1,000 nodes on 2 cores and 24 GB are to keep to: formation in 120 s with at most 30 handshakes a node, 6 MB of resident memory a node and 1 core for all of them at rest; 50 MB up in 20 s and down in 10 s (larger files in proportion); with `--for`, the median upload of the last quarter at most 1.05 times that of the first; no identity timeout; accepted = registered = reading; and every acknowledged file readable at the end. `npm run testnet:1000` is the whole of it.',
    '`--report` looks at all nodes up to once a second and writes `index.html`, one page that needs nothing from elsewhere, with the aims and with charts of upload times, identity latency, verdicts, connections, memory and event-loop delay, and beside it `report.json` with what the page is made of: `{ report, samples }`.',
    '`--admin` shows the network to a browser while it lasts: all nodes on one ring, those that left or died too, the files of the load with their times, identity latency, verdicts and memory. Its address is told first. [operations.md](operations.md#the-window-into-a-test-network) says what is there and who may see it.',
    '`--manifest` writes a JSON file that lasts as long as the network: `{ kind, pid, bootstrap, nodes }`; it takes the place of another manifest and of nothing else. Another terminal gives `@FILE` where `put`, `get`, `start`, `doctor` and `flood` take an address.',
    'With `--json`: `{ nodes, formedMs, uploads: [{ bytes, chunks, ms, link }], downloads: [{ bytes, ms, identical }], accepted, registered, reading, identified, identityTimeouts, handshakesFailed, refused, dropped, udpBytesSent, rssBytes }`, the counters summed over the nodes, and with `--for` `load: { files: [{ atMs, bytes, uploadMs, downloadMs, identical, failed }], departures, late, readBack, lost }`: `failed` is the code of what went wrong or null, `late` counts uploads that had to wait for the one before, `readBack` files that were downloaded once more at the end and `lost` those that could not be. With `--check` also `rest: { handshakes, rssBytes, cores }` and `aims: [{ name, aim, measured, met }]`, `met` null for what was not measured. The exit code is 1, and `error` stands beside the figures, unless every upload succeeded, every download is identical, and no aim that was asked for is missed.',
  ],
  options: {
    nodes: { kind: 'count', value: 'N', default: 25, range: [8, 1000], help: 'how many nodes' },
    upload: { kind: 'path', value: 'FILE', excludes: 'uploadSize', help: 'the file to upload (default: random bytes)' },
    uploadSize: {
      kind: 'size',
      value: 'SIZE',
      default: 20e6,
      range: [0, 1e10],
      help: 'how many random bytes to upload, where no file is named',
    },
    processes: {
      kind: 'count',
      value: 'N',
      range: [2, 64],
      help: 'over how many processes the nodes are spread (default: one for each 100 nodes, at least 2)',
    },
    joinRate: {
      kind: 'count',
      value: 'N',
      range: [1, 1000],
      help: 'how many nodes join in a second at most (default: as many as the machine takes)',
    },
    for: {
      kind: 'duration',
      value: 'TIME',
      range: [1000, 86_400_000],
      help: 'how long the network goes on afterwards, under load (default: it ends)',
    },
    every: {
      kind: 'duration',
      value: 'TIME',
      range: [100, 3_600_000],
      requires: 'for',
      help: 'how often a file is uploaded meanwhile (default: 20s)',
    },
    everySize: {
      kind: 'size',
      value: 'SIZE',
      range: [0, 1e9],
      requires: 'for',
      help: 'how many random bytes each of these files has (default: 5MB)',
    },
    churn: {
      kind: 'rate',
      value: 'RATE',
      range: [0, 50],
      requires: 'for',
      help: 'how many of the nodes leave in a minute, such as 2%/min (default: none)',
    },
    slow: { kind: 'percent', value: 'SHARE', range: [0, 50], help: 'how many of the nodes are slow, such as 5%' },
    silent: {
      kind: 'percent',
      value: 'SHARE',
      range: [0, 30],
      help: 'how many of the nodes fall silent once the network is formed, such as 5%',
    },
    manifest: { kind: 'path', value: 'FILE', help: 'where to say how others can take part, while the network lasts' },
    report: { kind: 'path', value: 'DIR', help: 'where to write index.html and report.json at the end' },
    check: { kind: 'flag', help: 'judge the network by its aims, and fail with each that it misses' },
    ...ADMIN,
    admin: {
      ...ADMIN.admin,
      help: 'where to show the network to a browser while it lasts, such as 127.0.0.1:9464 (default: nowhere)',
    },
  },
} as const satisfies CommandSpec

/** All commands by name, in the order of help. */
export const COMMANDS = {
  start: START,
  put: {
    summary: 'upload a file or a directory and print its link',
    details: [
      'Cuts the file into chunks, encrypts each, stores each at the nodes closest to its address and prints the link; whoever has the link can read the file. Uses an identity of its own that is thrown away afterwards. With `-` the file is what comes on stdin, of any length; a few chunks of it are in memory at a time, as of any file.',
      'An upload that was interrupted continues when the same file is put again within a day: what was placed is written down in a file for its owner alone, one for each path, which is removed when the upload is done; where nothing can be written in the default place, the upload goes on without, and says so. Nothing is taken on trust: the content of each chunk is compared with what was written down, so a file that changed is uploaded as it is now; and one chunk is asked about first, so that another network is not taken for the one of before. What comes on stdin cannot be continued.',
      'A directory is kept with the names and permissions of all that is in it, empty directories and hidden files too; owners, times and special permission bits are not kept. Symbolic links, sockets and devices are refused, or left out and named with `--skip-links`; so are names that not every file system takes (those with a backslash, a colon or one of `* ? " < > |` in them, control characters, a dot or space at the end, devices of Windows, two that differ in case alone), so that the directory can be restored anywhere. Its link ends with `/`. What does not fit that goes up as it is by `tar c DIR | sallyport put -`.',
      'With `--private` the same file gives other chunks each time, and a link as any other ([security.md](security.md#files)).',
      'On a terminal a line on stderr shows how far it is, how fast it goes and how long it takes; elsewhere a line is written there every ten seconds; with `--json` none.',
      'With `--json`: `{ link, bytes, chunks, holders, stored, resumed, ms }`, where `holders` is the least number of nodes that hold any one chunk (of a chunk that is resumed at most four are known), `stored` counts the copies that were new, and `resumed` the chunks that an earlier, interrupted upload had placed; of a directory also `skipped`, the paths that were left out.',
    ],
    argument: { name: 'FILE', kind: 'path', required: true, help: 'the file or directory to upload; - is stdin' },
    options: {
      bootstrap: { ...BOOTSTRAP, required: true },
      allowFewer: {
        kind: 'flag',
        help: 'count the upload as done even where fewer nodes than the quorum hold a chunk',
      },
      private: {
        kind: 'flag',
        help: 'encrypt so that nobody can find out by guessing that this file was uploaded',
      },
      skipLinks: {
        kind: 'flag',
        help: 'leave links and devices out of a directory, which is refused for them otherwise',
      },
      state: {
        kind: 'path',
        value: 'DIR',
        help: 'where it is kept what an unfinished upload has done (default: $XDG_STATE_HOME/sallyport/uploads)',
      },
      logLevel: LOG_LEVEL,
    },
  },
  get: {
    summary: 'download a file or a directory by its link',
    details: [
      'Fetches the chunks, verifies every byte and only then puts the file in place: a download is identical to the upload or it is an error. Uses an identity of its own that is thrown away afterwards.',
      'A link that ends with `/` is restored as a directory, which must not exist yet; it appears when all of it was verified. It is refused, before anything is written, when a path in it leads elsewhere or is not portable, is listed twice, or differs from another in case alone; there are no links in it.',
      'With `--out -` the file goes to stdout as it comes, from the beginning: each chunk is verified before any byte of it is written, so what was written is right, but it may be cut short, and then the exit code is 1. Nothing else goes to stdout then; the result, with `--json` too, is the last line of stderr (the log, where there is one, apart). A reader who goes away early is no failure.',
      'With `--json`: `{ out, bytes, chunks, ms, asked }`, where `asked` lists the nodes that were asked for chunks, in order.',
    ],
    argument: { name: 'LINK', kind: 'link', required: true, help: 'what put printed' },
    options: {
      out: { kind: 'path', value: 'FILE', required: true, help: 'where to write the file or directory; - is stdout' },
      bootstrap: { ...BOOTSTRAP, required: true },
      force: { kind: 'flag', help: 'replace the file when it exists; a directory never is' },
      logLevel: LOG_LEVEL,
    },
  },
  id: {
    summary: 'print the PeerId of a data directory',
    details: [
      'Creates nothing: where no node was ever started there is no identity, and that is an error. With `--json`: `{ peerId }`.',
    ],
    options: { data: DATA },
  },
  testnet: TESTNET,
  doctor: DOCTOR,
  top: TOP,
  flood: FLOOD,
} as const satisfies Readonly<Record<string, CommandSpec>>

/** The name of a command. */
export type CommandName = keyof typeof COMMANDS

type ValueOf<Spec> = Spec extends { many: true }
  ? readonly string[]
  : Spec extends { kind: 'flag' }
    ? boolean
    : Base<Spec> | (Spec extends { default: unknown } | { required: true } ? never : undefined)

type Base<Spec> = Spec extends { kind: 'count' | 'size' | 'duration' | 'percent' | 'rate' }
  ? number
  : Spec extends { choices: readonly (infer C)[] }
    ? C
    : string

type ArgumentOf<Command> = Command extends { argument: { required: infer Required } }
  ? { readonly argument: Required extends true ? string : string | undefined }
  : unknown

/** What a command is called with: each option's value under its key, and the positional argument as `argument`. */
export type ValuesOf<Name extends CommandName> = ArgumentOf<(typeof COMMANDS)[Name]> & {
  readonly [Key in keyof (typeof COMMANDS)[Name]['options']]: ValueOf<(typeof COMMANDS)[Name]['options'][Key]>
}
