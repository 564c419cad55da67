/**
 * Namespaces as the image pipeline sees them: through the `wow` command, which owns the keyring.
 */

import { existsSync } from 'node:fs'
import * as v from 'valibot'
import { $ } from 'zx'
import { WowError } from '../../agent/core/errors.ts'
import { looksLikeToken } from '../../agent/namespace/token.ts'
import { Explained } from '../lib/main.ts'
import { agentBundle } from '../lib/paths.ts'

const namespaceSchema = v.object({
  id: v.pipe(v.string(), v.regex(/^[\w-]+$/)),
  name: v.string(),
  pool: v.string(),
  lease: v.union([v.string(), v.number()]),
  /** A secret: it goes into the image and nowhere else. */
  token: v.string(),
})

export type Namespace = v.InferOutput<typeof namespaceSchema>

/** Runs `wow namespace …`; its errors go straight to the user, and its exit code becomes ours. */
async function wow(argv: readonly string[], input?: string): Promise<Namespace> {
  if (!existsSync(agentBundle)) {
    throw new WowError(
      'AGENT_NOT_BUILT',
      `${agentBundle} is not there`,
      'Build the agent first: node scripts/build.mjs',
    )
  }
  const shell = $({ quiet: true, nothrow: true, ...(input === undefined ? {} : { input }) })
  const { exitCode, stdout, stderr } = await shell`${process.execPath} ${agentBundle} namespace ${argv} --json`
  process.stderr.write(stderr)
  if (exitCode !== 0) throw new Explained(exitCode ?? 1)
  return v.parse(namespaceSchema, JSON.parse(stdout))
}

/** The namespace that `word` (an id, a name or a token) means; a token is imported into the keyring. */
export async function findNamespace(word: string): Promise<Namespace> {
  // Through standard input, so that a token does not show in the process list.
  return looksLikeToken(word) ? await wow(['import', '-'], word) : await wow(['export', word])
}

export interface Wishes {
  readonly name?: string | undefined
  readonly pool?: string | undefined
  readonly lease?: string | undefined
  readonly ring?: string | undefined
  readonly bootstrap?: readonly string[]
}

/** Creates a namespace; `wow namespace create` chooses what is not given. */
export async function createNamespace({ name, pool, lease, ring, bootstrap = [] }: Wishes): Promise<Namespace> {
  const options = Object.entries({ name, pool, lease, ring }).flatMap(([option, value]) =>
    value === undefined ? [] : [`--${option}`, value],
  )
  return await wow(['create', ...options, ...bootstrap.flatMap((address) => ['--bootstrap', address])])
}
