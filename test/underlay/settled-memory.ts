/** Memory in use, MB, when what is garbage has been given back: arrays outside the heap go a little later. */

import { megabytesInUse } from '../fuzz/memory.ts'

const LOOKS = 5

export async function settledMegabytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < LOOKS; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    least = Math.min(least, megabytesInUse())
  }
  return least
}
