// The log of a command: what its node tells, as one JSON object a line on stderr, written by pino. Where nothing is to be logged pino is not
// even loaded.
import type { Logger } from '../index.ts'
import type { LogLevel } from './options.ts'
import { LogStream, type LogSink, openTerminal } from './log-stream.ts'

/** A logger of a level, to `sink` or stderr; null where nothing is to be logged. */
export const openLog = async (level: LogLevel, sink: LogSink = process.stderr): Promise<Logger | null> => {
  if (level === 'silent') return null
  const { pino, stdTimeFunctions } = await import('pino')
  const options = {
    level,
    // Who else writes into the same file is for whoever collects it to say.
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string): object => ({ level: label }) },
  }
  const logger: Logger = pino(options, new LogStream(sink, sink.isTTY === true ? openTerminal() : null))
  return logger
}

/** The option of a node that logs, or none. */
export const loggerOption = (logger: Logger | null): { readonly logger?: Logger } => (logger === null ? {} : { logger })
