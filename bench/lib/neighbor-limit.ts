/**
 * The kernel keeps one table of neighbours (ARP) for all network namespaces together. By default it has room for 1,024: thirty hosts that
 * all speak with each other, over their taps and below, fill it, and more of them do not find each other.
 */

import { readFileSync, writeFileSync } from 'node:fs'

const FILE = '/proc/sys/net/ipv4/neigh/default/gc_thresh3'
const ENOUGH = 65_536

/** Runs `work` with room for more neighbours. */
export async function withNeighbors<T>(work: () => Promise<T>): Promise<T> {
  const before = readFileSync(FILE, 'utf8')
  writeFileSync(FILE, String(Math.max(ENOUGH, Number(before))))
  try {
    return await work()
  } finally {
    writeFileSync(FILE, before)
  }
}
