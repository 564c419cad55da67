/**
 * SHA-256 of files. OpenSSL hashes each large file in its own process, with the processor's own instructions for it,
 * so several are hashed at the same time.
 */

import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { $ } from 'zx'

/** Below this a process costs more than it saves, bytes. */
const SMALL = 1 << 20

/** SHA-256 of a file of any size, in hex. @throws when it cannot be read */
export async function sha256File(path: string): Promise<string> {
  if (statSync(path).size < SMALL) return createHash('sha256').update(readFileSync(path)).digest('hex')
  const { stdout } = await $({ quiet: true })`openssl dgst -sha256 -r ${path}`
  return stdout.slice(0, 64)
}

/** SHA-256 of several files, in their order. */
export async function sha256Files(paths: readonly string[]): Promise<string[]> {
  const digests: string[] = []
  const queue = paths.entries()
  const work = async () => {
    for (const [index, path] of queue) digests[index] = await sha256File(path)
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return digests
}
