// Points as columns, as charts take them.

/** A column for each name of the points, or none where there is no point yet. */
export const columns = <Point extends object>(
  points: readonly Point[],
): { readonly [Name in keyof Point]?: readonly Point[Name][] } => {
  const [first] = points
  if (first === undefined) return {}
  const names = Object.keys(first) as (keyof Point)[]
  return Object.fromEntries(names.map((name) => [name, points.map((point) => point[name])])) as {
    [Name in keyof Point]: Point[Name][]
  }
}
