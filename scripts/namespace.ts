/** `make namespace`: creates a namespace in this user's keyring, and prints what to do with it. */

import { parseBootstrap } from './appliance/inputs.ts'
import { createNamespace } from './appliance/namespace.ts'
import { run } from './lib/main.ts'
import { say } from './lib/progress.ts'

await run(async () => {
  const { NAME, POOL, LEASE, BOOTSTRAP, RING } = process.env
  const made = await createNamespace({
    name: NAME || undefined,
    pool: POOL || undefined,
    lease: LEASE || undefined,
    ring: RING || undefined,
    bootstrap: parseBootstrap(BOOTSTRAP ?? ''),
  })
  say(`Made the namespace ${made.name}, pool ${made.pool}. Bake it into an image with: make appliance NS=${made.id}`)
  process.stdout.write(`${made.id}\n`)
})
