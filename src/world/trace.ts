// What happened in a world, as one number that any difference changes, and as lines of text for whoever wants to read them.

/** Takes lines of a trace, in order. */
export type TraceSink = (line: string) => void

/** The trace of one world; two runs of one seed have the same `hash`. */
export class Trace {
  readonly #sink: TraceSink | null
  readonly #time = new Float64Array(1)
  readonly #words = new Uint32Array(this.#time.buffer)
  readonly #names = new Map<string, number>()
  #a = 0x9e37_79b9
  #b = 0x85eb_ca6b
  #notes = 0

  constructor(sink: TraceSink | null = null) {
    this.#sink = sink
  }

  /** Notes so far. */
  get notes(): number {
    return this.#notes
  }

  /** 16 hexadecimal digits. */
  get hash(): string {
    return hex(this.#a) + hex(this.#b)
  }

  /** Something happened at a time to someone; `detail` says what more there is to say, in numbers or a word. */
  note(time: number, what: string, who: string, detail: number | string = 0): void {
    this.#notes++
    this.#time[0] = time
    this.#mix(this.#words[0] ?? 0)
    this.#mix(this.#words[1] ?? 0)
    this.#mix(this.#codeOf(what))
    this.#mix(this.#codeOf(who))
    this.#mix(typeof detail === 'number' ? detail | 0 : codeOf(detail))
    if (this.#sink !== null) this.#sink(`${time.toFixed(3)} ${who} ${what} ${detail}`)
  }

  /** Bounded by the names of hosts and of what can happen. */
  #codeOf(name: string): number {
    let code = this.#names.get(name)
    if (code === undefined) this.#names.set(name, (code = codeOf(name)))
    return code
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x85eb_ca6b)
    this.#a = (this.#a << 13) | (this.#a >>> 19)
    this.#b = Math.imul(this.#b + this.#a, 0xc2b2_ae35) ^ word
    this.#b = (this.#b << 15) | (this.#b >>> 17)
  }
}

const codeOf = (text: string): number => {
  let code = 0x811c_9dc5
  for (let i = 0; i < text.length; i++) code = Math.imul(code ^ text.charCodeAt(i), 0x0100_0193)
  return code | 0
}

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
