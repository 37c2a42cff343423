// The Files port of one virtual process over its host's disk: every call takes its time, two at once as in a thread pool that leaves room for
// others, and comes back when the event loop comes to it. A call of a process that has ended never comes back.
import type { FileHandle, Files, Look, OpenMode } from '../io/ports.ts'
import type { Costs } from './costs.ts'
import { type Disk, type Inode, systemError } from './disk.ts'
import type { Held } from './held.ts'
import type { Processor } from './processor.ts'
import type { Timeline } from './timeline.ts'

/** Calls the disk works on at the same time. */
const AT_ONCE = 2

/** However many faults overlap: a call takes seconds then, and comes back when they are over. */
const SLOWNESS_MAX = 400

/** What a disk does besides what it is asked to; may be changed at any time. */
export interface DiskCondition {
  /** How many times longer every call takes. */
  slowness: number
  /** No call comes back before this time of the world; Infinity for a disk that hangs. */
  stuckUntil: number
  /** Calls that were slow or stuck, and that failed for want of room. */
  slowed: number
  failed: number
}

/** What files work with. */
export interface FilesParts {
  readonly timeline: Timeline
  readonly processor: Processor
  readonly disk: Disk
  readonly condition: DiskCondition
  readonly costs: Costs
  readonly held: Held
}

interface Call {
  readonly ms: number
  readonly run: () => void
}

/** The files of one process. */
export class VirtualFiles implements Files {
  readonly #parts: FilesParts
  /** In the order they were asked for. Bounded by the callers. */
  readonly #waiting: Call[] = []
  #working = 0

  constructor(parts: FilesParts) {
    this.#parts = parts
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const { disk, held } = this.#parts
    const inode = await this.#call(0, () => disk.open(path, mode))
    held.files++
    return this.#handle(path, inode)
  }

  rename(from: string, to: string): Promise<void> {
    const { disk, costs } = this.#parts
    return this.#call(costs.fileSync, () => disk.rename(from, to))
  }

  link(from: string, to: string): Promise<void> {
    const { disk, costs } = this.#parts
    return this.#call(costs.fileSync, () => disk.link(from, to))
  }

  remove(path: string): Promise<void> {
    return this.#call(0, () => this.#parts.disk.remove(path))
  }

  exists(path: string): Promise<boolean> {
    return this.#call(0, () => this.#parts.disk.exists(path))
  }

  look(path: string): Promise<Look | null> {
    return this.#call(0, () => this.#parts.disk.look(path))
  }

  setMode(path: string, mode: number): Promise<void> {
    return this.#call(0, () => this.#parts.disk.setMode(path, mode))
  }

  removeTree(directory: string): Promise<void> {
    return this.#call(0, () => this.#parts.disk.removeTree(directory))
  }

  list(directory: string): Promise<string[]> {
    return this.#call(0, () => this.#parts.disk.list(directory))
  }

  makeDirectory(directory: string): Promise<void> {
    return this.#call(0, () => this.#parts.disk.makeDirectory(directory))
  }

  async lock(directory: string): Promise<{ release(): Promise<void> }> {
    const { disk, held } = this.#parts
    const unlock = await this.#call(0, () => disk.lock(directory))
    held.locks++
    return {
      release: async () => {
        if (unlock()) held.locks--
      },
    }
  }

  #handle(path: string, inode: Inode): FileHandle {
    const { disk, costs, held } = this.#parts
    const { life } = disk
    let open = true
    const call = <Result>(ms: number, run: () => Result): Promise<Result> =>
      this.#call(ms, () => {
        if (!open || life !== disk.life) throw systemError('EBADF', path)
        return run()
      })
    return {
      size: () => call(0, () => inode.bytes.length),
      version: () => call(0, () => String(inode.writes)),
      read: (into, position) => call(into.length * costs.fileByte, () => disk.read(inode, into, position)),
      write: (bytes, position) => {
        const given = new Uint8Array(bytes)
        return call(given.length * costs.fileByte, () => disk.write(inode, given, { path, position }))
      },
      sync: () => call(costs.fileSync, () => disk.sync(inode)),
      close: async () => {
        if (!open) return
        open = false
        held.files--
        await this.#call(0, () => {})
      },
    }
  }

  /** One call: it waits for its turn, is done when its time is over, and its result comes back through the event loop. */
  #call<Result>(ms: number, run: () => Result): Promise<Result> {
    const { processor, costs } = this.#parts
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const done = (): void => {
      try {
        const result = run()
        processor.post(() => resolve(result))
      } catch (error) {
        if (isFull(error)) this.#parts.condition.failed++
        processor.post(() => reject(error instanceof Error ? error : new Error(String(error))))
      }
    }
    this.#waiting.push({ ms: costs.fileCall + ms, run: done })
    this.#next()
    return promise
  }

  #next(): void {
    const { timeline, processor, condition } = this.#parts
    while (this.#working < AT_ONCE) {
      const call = this.#waiting.shift()
      if (call === undefined) return
      this.#working++
      const { now } = processor
      if (condition.slowness > 1 || condition.stuckUntil > now) condition.slowed++
      const slowness = Math.min(condition.slowness, SLOWNESS_MAX)
      timeline.at(Math.max(now + call.ms * slowness, condition.stuckUntil), () => {
        this.#working--
        call.run()
        this.#next()
      })
    }
  }
}

const isFull = (error: unknown): boolean => error instanceof Error && Reflect.get(error, 'code') === 'ENOSPC'
