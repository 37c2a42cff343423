// `-` for a file: the command line's own stdin and stdout as the streams that a node uploads from and downloads into.

/** What stands for stdin or stdout where a file could be named. */
export const STANDARD = '-'

/** Stdout as a stream of bytes: a write is done when the system has taken it, so a slow reader holds up the download and not the memory. */
export const stdoutStream = (): WritableStream<Uint8Array> =>
  new WritableStream({
    write: (bytes) =>
      new Promise<void>((resolve, reject) => {
        process.stdout.write(bytes, (error) => {
          if (error === null || error === undefined) resolve()
          else reject(error)
        })
      }),
  })

/** Whether a failure is that the reader of a pipe went away. */
export const isReaderGone = (error: unknown): boolean =>
  error instanceof Error && (('code' in error && error.code === 'EPIPE') || isReaderGone(error.cause))
