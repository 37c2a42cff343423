// Turns the words of a command line into an invocation, by the table of options. What cannot be read is returned, not thrown.
import { Argument, Command, CommanderError, Option } from 'commander'
import { parseBind } from '../admin/bind.ts'
import { isName } from '../admin/names.ts'
import { parseAddress, parseDialAddress } from '../index.ts'
import type { ErrorCode } from '../index.ts'
import { isManifest } from './manifest.ts'
import { COMMANDS, JSON_OPTION } from './options.ts'
import type { ArgumentSpec, CommandName, CommandSpec, OptionSpec, ValuesOf } from './options.ts'
import { parseDuration, parsePercent, parseRate, parseSize } from './size.ts'

/** A command and what it is called with. */
export type Invocation = {
  [Name in CommandName]: {
    readonly kind: 'run'
    readonly command: Name
    readonly json: boolean
    readonly values: ValuesOf<Name>
  }
}[CommandName]

/** What a command line asks for. */
export type Parsed =
  | Invocation
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'usage'; readonly code: ErrorCode; readonly message: string }

/** Reads the words after the program's name; `version` is what `--version` prints. */
export const parse = (words: readonly string[], version: string): Parsed => {
  let invocation: Invocation | null = null
  let written = ''
  const program = programOf(version, (made) => (invocation = made))
  program.configureOutput({ writeOut: (text) => (written += text), writeErr: () => {} })
  for (const command of program.commands) command.copyInheritedSettings(program)
  try {
    program.parse(words, { from: 'user' })
  } catch (error) {
    return outcomeOf(error, written)
  }
  return invocation ?? { kind: 'help', text: program.helpInformation() }
}

/** The help of the program, or of one of its commands, 80 columns wide. */
export const helpOf = (name?: CommandName): string => {
  const program = programOf('', () => {})
  const command = program.commands.find((each) => each.name() === name) ?? program
  return command.configureHelp({ helpWidth: 80 }).helpInformation()
}

const programOf = (version: string, invoke: (invocation: Invocation) => void): Command => {
  const program = new Command('sallyport')
  program.description(
    'A peer-to-peer node: QUIC with post-quantum identities, and files that are found by their content.',
  )
  program.version(version, '--version', 'print the version').exitOverride().showSuggestionAfterError()
  program.addHelpText(
    'after',
    '\nSizes: MB = 10⁶ bytes, MiB = 2²⁰. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.',
  )
  for (const [name, spec] of Object.entries(COMMANDS)) {
    program.addCommand(
      commandOf(name, spec, (json, values) => invoke({ kind: 'run', command: name, json, values } as Invocation)),
    )
  }
  return program
}

const commandOf = (name: string, spec: CommandSpec, run: (json: boolean, values: object) => void): Command => {
  const command = new Command(name).description(spec.summary)
  if (spec.argument !== undefined) command.addArgument(argumentOf(spec.argument))
  for (const [key, option] of Object.entries(spec.options)) command.addOption(optionOf(key, option))
  command.addOption(optionOf('json', JSON_OPTION))
  return command.action((...given: unknown[]) => {
    const { json, ...options } = command.opts<Record<string, unknown>>()
    const values: Record<string, unknown> = spec.argument === undefined ? {} : { argument: given[0] }
    for (const [key, option] of Object.entries(spec.options)) {
      assertCompanion(key, option, options)
      values[key] = options[key] ?? emptyOf(option)
    }
    run(json === true, values)
  })
}

const assertCompanion = (key: string, { requires }: OptionSpec, given: Readonly<Record<string, unknown>>): void => {
  if (requires === undefined || given[key] === undefined || given[requires] !== undefined) return
  throw new InvalidValue('ARGUMENT_INVALID', `${longName(key)} means nothing without ${longName(requires)}`)
}

const longName = (key: string): string => `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const emptyOf = (option: OptionSpec): unknown =>
  option.many === true ? [] : option.kind === 'flag' ? false : undefined

const argumentOf = (spec: ArgumentSpec): Argument => {
  const argument = new Argument(spec.required ? `<${spec.name}>` : `[${spec.name}]`, spec.help)
  return argument.argParser((text) => {
    if (spec.kind === 'link') return readLink(text)
    return spec.kind === 'window' ? readWindow(text) : readText(spec.kind, text)
  })
}

const optionOf = (key: string, spec: OptionSpec): Option => {
  const name = longName(key)
  const value =
    spec.value === undefined ? '' : ` <${spec.value}${spec.many === true && spec.repeated !== true ? '...' : ''}>`
  const option = new Option(name + value, spec.help).hideHelp(spec.hidden === true)
  if (spec.required === true) option.makeOptionMandatory()
  if (spec.excludes !== undefined) option.conflicts(spec.excludes)
  if (spec.default !== undefined)
    option.default(spec.default, spec.kind === 'size' ? `${Number(spec.default) / 1e6}MB` : undefined)
  if (spec.kind === 'choice') return option.choices(spec.choices ?? [])
  if (spec.kind === 'flag') return option
  return option.argParser((text: string, before: unknown) => {
    const read = isNumber(spec) ? readNumber(name, spec, text) : readWord(name, spec, text)
    return spec.many === true ? [...(Array.isArray(before) ? before : []), read] : read
  })
}

/** What is wrong with a value; thrown through commander, which passes on what it does not know. */
class InvalidValue extends CommanderError {
  readonly reason: ErrorCode

  constructor(reason: ErrorCode, message: string) {
    super(2, `sallyport.${reason}`, message)
    this.reason = reason
  }
}

const isNumber = ({ kind }: OptionSpec): boolean => NUMBERS[kind] !== undefined

const readWord = (name: string, spec: OptionSpec, text: string): string => {
  if (spec.kind !== 'part') return readText(spec.kind, text)
  const [, choice] = /^(?:(.*)=)?\d{1,5}$/.exec(text) ?? [null, null]
  if (choice === undefined || spec.choices?.includes(choice ?? '') === true) return text
  throw new InvalidValue(
    'ARGUMENT_INVALID',
    `${name}: "${text}" is no number, or number of ${spec.choices?.join(', ')}`,
  )
}

const readText = (kind: OptionSpec['kind'], text: string): string => {
  if (text === '') throw new InvalidValue('ARGUMENT_INVALID', `an empty ${kind} was given`)
  if ((kind === 'address' || kind === 'dial-address') && isManifest(text)) return text
  if (ADDRESSES[kind]?.(text) === null) {
    throw new InvalidValue('ADDRESS_INVALID', `"${text}" is no address`)
  }
  if (kind === 'bind' && parseBind(text) === null) {
    throw new InvalidValue('ARGUMENT_INVALID', `"${text}" is no IP address and port, such as 127.0.0.1:9464`)
  }
  if (kind === 'name' && !isName(text)) throw new InvalidValue('ARGUMENT_INVALID', `"${text}" is no host name`)
  return text
}

/** How a text of each kind of address is read; null: it is none. */
const ADDRESSES: Partial<Record<OptionSpec['kind'], (text: string) => object | null>> = {
  address: (text) => parseAddress(text),
  'dial-address': (text) => parseDialAddress(text),
  'listen-address': (text) => parseAddress(text, { listen: true }),
}

const readLink = (text: string): string => {
  if (/^sallyport:[0-9a-f]{64}#[0-9a-f]{64}\/?$/.test(text)) return text
  throw new InvalidValue('LINK_INVALID', `"${text}" is no link`)
}

/** The URL of an admin server, without a path. */
const readWindow = (text: string): string => {
  const url = /^https?:\/\//.test(text) ? text : `http://${text}`
  if (/^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?\/?$/i.test(url) && URL.canParse(url))
    return new URL(url).origin
  throw new InvalidValue('ARGUMENT_INVALID', `"${text}" is no address of an admin server, such as 127.0.0.1:9464`)
}

const readNumber = (name: string, spec: OptionSpec, text: string): number => {
  const value = valueOf(spec.kind, text)
  if (value === null) throw new InvalidValue('ARGUMENT_INVALID', `${name}: "${text}" is no ${NUMBERS[spec.kind] ?? ''}`)
  const [least, most] = spec.range ?? [0, Number.MAX_SAFE_INTEGER]
  if (value >= least && value <= most) return value
  const unit = UNITS[spec.kind] ?? ''
  throw new InvalidValue('ARGUMENT_INVALID', `${name} must be from ${least}${unit} to ${most}${unit}, not ${text}`)
}

const NUMBERS: Partial<Record<OptionSpec['kind'], string>> = {
  count: 'whole number',
  size: 'size',
  duration: 'time such as 50ms or 30s',
  percent: 'share such as 5%',
  rate: 'rate such as 2%/min',
}

const UNITS: Partial<Record<OptionSpec['kind'], string>> = { duration: 'ms', percent: '%', rate: '%/min' }

const valueOf = (kind: OptionSpec['kind'], text: string): number | null => {
  if (kind === 'size') return parseSize(text)
  if (kind === 'duration') return parseDuration(text)
  if (kind === 'percent') return parsePercent(text)
  if (kind === 'rate') return parseRate(text)
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

const outcomeOf = (error: unknown, written: string): Parsed => {
  if (!(error instanceof CommanderError)) throw error
  if (error.exitCode === 0) return { kind: 'help', text: written }
  if (error.code === 'commander.help')
    return { kind: 'usage', code: 'ARGUMENT_INVALID', message: 'a command is missing' }
  const code = error instanceof InvalidValue ? error.reason : 'ARGUMENT_INVALID'
  return { kind: 'usage', code, message: error.message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ') }
}
