// Where a node logs to, when its owner says so: a shape that pino and most other loggers have as they are.

/**
 * Takes lines: what they are about as plain data, and a sentence that is always the same. It is called in the node's own turn, so it must return
 * at once and wait for nobody who reads; what it throws is ignored.
 */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** Numbers, texts, and objects and lists of them; never a key, a link or the content of anything. */
export type LogFields = Readonly<Record<string, unknown>>

/** How much a line matters. */
export type LogLevel = keyof Logger
