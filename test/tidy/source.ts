// A source file as the tidy test sees it: the text, and the same text with comments and the inside of strings blanked out, so that a
// rule about code never trips over a word in a sentence. Positions agree in both. A scanner, not a parser: good enough for rules.

/** One file of the repository; `code` has the length and the line breaks of `text`. */
export interface Source {
  readonly path: string
  readonly text: string
  readonly code: string
}

/** A function found by its braces: the line it starts on, counted from 1, and how many lines its body takes. */
export interface FunctionSpan {
  readonly line: number
  readonly lines: number
}

/** Reads a text as code of the kind this project writes. */
export const sourceOf = (path: string, text: string): Source => ({ path, text, code: blank(text) })

/** The specifiers of all static and dynamic imports and re-exports, in order. */
export const importsOf = (source: Source): string[] => {
  const found: string[] = []
  for (const match of source.code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])( *)\1/g)) {
    const end = match.index + match[0].length - 1
    found.push(source.text.slice(end - match[2]!.length, end))
  }
  return found
}

/** Every function whose body is in braces, where the head can be told from that of a statement. */
export const functionsOf = (source: Source): FunctionSpan[] => {
  const spans: FunctionSpan[] = []
  const open: number[] = []
  for (let at = 0; at < source.code.length; at++) {
    if (source.code[at] === '{') open.push(at)
    if (source.code[at] !== '}') continue
    const start = open.pop() ?? 0
    if (!opensFunction(source.code, start)) continue
    const lines = source.code.slice(start, at).split('\n').length
    spans.push({ line: source.code.slice(0, start).split('\n').length, lines })
  }
  return spans
}

const STATEMENTS = new Set(['if', 'for', 'while', 'switch', 'catch', 'with'])

const opensFunction = (code: string, brace: number): boolean => {
  const head = code.slice(Math.max(0, brace - 2_000), brace).trimEnd()
  if (head.endsWith('=>')) return true
  const parameters = /\)(?:\s*:\s*[^={}();]+)?$/.exec(head)
  if (parameters === null) return false
  const word = /([\w#]+)\s*(?:<[^()]*>)?$/.exec(head.slice(0, openingOf(head, parameters.index)))
  return word === null || !STATEMENTS.has(word[1]!)
}

/** The `(` that the `)` at `close` ends. */
const openingOf = (code: string, close: number): number => {
  let depth = 0
  for (let at = close; at >= 0; at--) {
    if (code[at] === ')') depth++
    if (code[at] === '(' && --depth === 0) return at
  }
  return 0
}

/** What may stand before a `/` that begins a regular expression rather than divides. */
const BEFORE_PATTERN = /(?:^|[=([{,;:!&|?+\-*<>~^%]|=>|\b(?:return|typeof|case|of|in))\s*$/

const blank = (text: string): string => {
  const out = text.split('')
  /** One entry for each template literal being inside of: the depth of braces within its `${`. Bounded by the text. */
  const templates: number[] = []
  let at = 0
  const wipe = (end: number): void => {
    for (; at < end && at < text.length; at++) if (out[at] !== '\n') out[at] = ' '
  }
  while (at < text.length) {
    const two = text.slice(at, at + 2)
    const one = text[at]
    if (two === '//') wipe(endOf(text, '\n', at))
    else if (two === '/*') wipe(endOf(text, '*/', at) + 2)
    else if (one === "'" || one === '"') {
      at++
      wipe(endOfQuoted(text, one, at))
      at++
    } else if (one === '`' || (one === '}' && templates.at(-1) === 0)) {
      if (one === '}') templates.pop()
      at++
      const end = endOfTemplate(text, at)
      wipe(end)
      at += text[end] === '`' ? 1 : 2
      if (text[end] === '$') templates.push(0)
    } else if (one === '/' && BEFORE_PATTERN.test(out.slice(Math.max(0, at - 40), at).join(''))) {
      at++
      wipe(endOfPattern(text, at))
      at++
    } else {
      const last = templates.length - 1
      if (last >= 0 && one === '{') templates[last]!++
      if (last >= 0 && one === '}') templates[last]!--
      at++
    }
  }
  return out.join('')
}

const endOf = (text: string, mark: string, from: number): number => {
  const at = text.indexOf(mark, from)
  return at === -1 ? text.length : at
}

const endOfQuoted = (text: string, quote: string, from: number): number => {
  let at = from
  while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1
  return at
}

/** Where a template literal ends or its next `${` begins. */
const endOfTemplate = (text: string, from: number): number => {
  let at = from
  while (at < text.length && text[at] !== '`' && text.slice(at, at + 2) !== '${') at += text[at] === '\\' ? 2 : 1
  return at
}

const endOfPattern = (text: string, from: number): number => {
  let at = from
  let inClass = false
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') inClass = true
    if (text[at] === ']') inClass = false
    at += text[at] === '\\' ? 2 : 1
  }
  return at
}
