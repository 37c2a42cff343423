// Where a node keeps its identity and chunks when nobody says otherwise (XDG Base Directory Specification).
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** `$XDG_DATA_HOME/sallyport`; a relative or missing XDG_DATA_HOME counts as `~/.local/share`, as the specification says. */
export const defaultDataDirectory = (environment: NodeJS.ProcessEnv = process.env): string => {
  const home = environment['XDG_DATA_HOME'] ?? ''
  return join(isAbsolute(home) ? home : join(homedir(), '.local', 'share'), 'sallyport')
}
