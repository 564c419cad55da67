/**
 * Namespaces as the image pipeline sees them: through the `wow` command, which owns the keyring.
 */

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import * as v from 'valibot'
import { $ } from 'zx'
import { WowError } from '../../agent/core/errors.ts'
import { looksLikeToken } from '../../agent/namespace/token.ts'
import { Explained } from '../lib/main.ts'
import { agentBundle } from './paths.ts'

const namespaceSchema = v.object({
  id: v.pipe(v.string(), v.regex(/^[\w-]+$/)),
  name: v.string(),
  pool: v.string(),
  lease: v.union([v.string(), v.number()]),
  /** A secret: it goes into the image and nowhere else. */
  token: v.string(),
})

export type Namespace = v.InferOutput<typeof namespaceSchema>

/** Pools to try, in this order, when the user names none: the paper's own habit first, then what LANs rarely use. */
const POOLS = ['10.128.0.0/9', '10.0.0.0/9', '172.20.0.0/14', '192.168.128.0/17']

/** Exit code of `wow` for bad input, a pool that overlaps the machine's routes among it. */
const BAD_INPUT = 2

async function wow(argv: readonly string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  if (!existsSync(agentBundle)) {
    throw new WowError(
      'AGENT_NOT_BUILT',
      `${agentBundle} is not there`,
      'Build the agent first: node scripts/build.mjs',
    )
  }
  return await $({ quiet: true, nothrow: true })`${process.execPath} ${agentBundle} namespace ${argv} --json`
}

function understood(result: { exitCode: number | null; stdout: string; stderr: string }): Namespace {
  if (result.exitCode !== 0) {
    process.stderr.write(result.stderr)
    throw new Explained(result.exitCode ?? 1)
  }
  return v.parse(namespaceSchema, JSON.parse(result.stdout))
}

/** The namespace that `word` (an id, a name or a token) means; a token is taken into the keyring. */
export async function findNamespace(word: string): Promise<Namespace> {
  return understood(await wow([looksLikeToken(word) ? 'import' : 'export', word]))
}

export interface Wishes {
  readonly name?: string | undefined
  readonly pool?: string | undefined
  readonly lease?: string | undefined
  readonly bootstrap?: readonly string[]
}

/** A new namespace. With no pool named, the first that this machine's own network leaves free. */
export async function createNamespace({ name, pool, lease, bootstrap = [] }: Wishes): Promise<Namespace> {
  const pools = pool === undefined ? POOLS : [pool]
  const called = name ?? `lab-${randomBytes(2).toString('hex')}`
  const rest = [
    ...(lease === undefined ? [] : ['--lease', lease]),
    ...bootstrap.flatMap((address) => ['--bootstrap', address]),
  ]
  let result = { exitCode: null as number | null, stdout: '', stderr: '' }
  for (const candidate of pools) {
    result = await wow(['create', '--name', called, '--pool', candidate, ...rest])
    const overlaps = result.exitCode === BAD_INPUT && /overlap/i.test(result.stderr + result.stdout)
    if (!overlaps) break
  }
  return understood(result)
}
