// How far apart places are: the one-way time of a datagram between regions, in milliseconds, as cables lie.

/** Where a host can be. */
export const REGIONS = ['europe', 'us-east', 'us-west', 'asia', 'south-america'] as const
export type Region = (typeof REGIONS)[number]

const BETWEEN: Readonly<Record<Region, readonly number[]>> = {
  europe: [8, 42, 70, 85, 95],
  'us-east': [42, 9, 32, 95, 60],
  'us-west': [70, 32, 7, 55, 85],
  asia: [85, 95, 55, 12, 140],
  'south-america': [95, 60, 85, 140, 11],
}

/** The one-way latency between two regions, before what differs from path to path. */
export const latencyMs = (from: Region, to: Region): number => BETWEEN[from][REGIONS.indexOf(to)] ?? 0
