/** How much memory is in use after garbage collection. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

export function megabytesInUse(): number {
  if (typeof collect !== 'function') throw new Error('this Node has no gc')
  collect()
  // `external` has the array buffers in it.
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}
