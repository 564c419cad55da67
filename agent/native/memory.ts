/** Memory that only the start needed goes back to the kernel: about 25 MB of the program's own file (memory.c). */

import { messageOf } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import { addon } from './addon.ts'

/** Takes some milliseconds, once. Where the addon is missing, the node works with more memory. */
export function giveBackMemory(log: Log): void {
  try {
    addon<{ giveBack(): void }>().giveBack()
  } catch (error) {
    log.debug('memory of the start could not be given back', { reason: messageOf(error) })
  }
}
