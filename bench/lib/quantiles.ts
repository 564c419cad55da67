/** Statistics of a set of measurements. */

export interface Summary {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly max: number
}

/** The smallest value that at least `share` (0 to 1) of all values do not exceed (nearest rank); throws if none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.max(1, Math.ceil(share * sorted.length))
  const value = sorted[rank - 1]
  if (value === undefined) throw new RangeError('no values')
  return value
}

/** `values` is not empty. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export function summarize(values: readonly number[]): Summary {
  return {
    count: values.length,
    p50: quantile(values, 0.5),
    p90: quantile(values, 0.9),
    max: quantile(values, 1),
  }
}
