// The windows of RFC 9002 section 7.2 that all controllers begin with and fall to, in bytes.

/** Ten datagrams, at least 14,720 bytes unless two datagrams are more. */
export const initialWindow = (datagramBytes: number): number =>
  Math.min(10 * datagramBytes, Math.max(14_720, 2 * datagramBytes))

/** Two datagrams. */
export const minimumWindow = (datagramBytes: number): number => 2 * datagramBytes

/** After idleness: half for each probe timeout, but not less than a connection begins with (RFC 2861, RFC 9002 section 7.8). */
export const restartWindow = (window: number, datagramBytes: number, probeTimeouts: number): number =>
  Math.max(Math.min(window, initialWindow(datagramBytes)), window * 0.5 ** probeTimeouts)

/** What slow start may come back to after idleness: most of what was known to work (RFC 2861). */
export const restartThreshold = (threshold: number, window: number): number => Math.max(threshold, 0.75 * window)
