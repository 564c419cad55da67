/** What processes cost: CPU time and memory, from proc(5). */

import { readFileSync } from 'node:fs'

/** Units of CPU time in proc(5), per second; Linux shows every program the same. */
const TICKS = 100

/** CPU time of all of them so far, with what the kernel did on their behalf, s. */
export function cpuSeconds(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is a name in parentheses, which may contain blanks.
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
    return (Number(user) + Number(system)) / TICKS
  })
}

export interface Memory {
  /** Resident memory, MB. */
  readonly rssMB: number
  /** The same with each page divided among all processes that share it, MB. */
  readonly pssMB: number
}

/** Memory of all of them together. */
export function memoryOf(pids: readonly number[]): Memory {
  const rollups = pids.map((pid) => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  const megabytes = (field: string) =>
    sum(rollups, (text) => (Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1_024) / 1e6)
  return { rssMB: megabytes('Rss'), pssMB: megabytes('Pss') }
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0)
}
