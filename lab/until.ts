/** Waits for events that the lab is not notified of. */

import { setTimeout as sleep } from 'node:timers/promises'

/** How often `until` asks, and after how long it gives up by default, ms. */
const LOOK_MS = 100
const PATIENCE_MS = 60_000

/** Calls `ask` repeatedly until it returns something. @throws an error that names `what` when it never does. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false | null>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const found = await ask()
    if (found !== undefined && found !== false && found !== null) return found
    if (Date.now() > deadline) throw new Error(`never: ${what}`)
    await sleep(LOOK_MS)
  }
}
