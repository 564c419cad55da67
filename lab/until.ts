/** Waiting for what the lab cannot be told of. */

import { setTimeout as sleep } from 'node:timers/promises'

/** How often it is looked, and when something counts as never coming unless the caller knows better, ms. */
const LOOK_MS = 100
const PATIENCE_MS = 60_000

/** Asks again and again until `ask` gives something. @throws with `what` when it never does. */
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
